//! Pages for people, as publishers serve them: the index of fails-to-deliver files, and the page that says that
//! something is not there.

/// The index page: links to the files among links to other things, newest first, paths relative to the host.
pub(crate) fn index<'a>(paths: impl DoubleEndedIterator<Item = &'a str>) -> String {
    let links: String = paths
        .rev()
        .map(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            format!("      <tr><td><a href=\"{path}\" hreflang=\"en\">{name}</a></td></tr>\n")
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n  <head><title>Fails-to-Deliver Data</title></head>\n  <body>\n    \
         <nav><a href=\"/\">Home</a> <a href='/about/privacy.htm'>Privacy &amp; Security</a></nav>\n    <!-- <a \
         href=\"/files/data/fails-deliver-data/cnsfails199901a.zip\">not a link</a> -->\n    <table>\n{links}    \
         </table>\n  </body>\n</html>\n"
    )
}

/// What a server says instead of a file.
pub(crate) const NOT_FOUND: &str = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>404 Not \
                                    Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested file was not \
                                    found on this server.</p>\n</body></html>\n";
