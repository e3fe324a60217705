//! How a tap speaks over the control socket: one line a frame, its first character says which.

use std::io::Write;

use anyhow::Result;

/// What a tap says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A line of a row: to be printed.
    Row(String),
    /// So many rows were let go.
    Missed(u64),
    /// It is still there.
    Beat,
    /// All that was asked for was shown.
    Enough,
}

impl Frame {
    /// Reads a line; `None` if it is no frame.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let rest = line.get(1..)?;
        match line.as_bytes().first()? {
            b'=' => Some(Self::Row(rest.to_owned())),
            b'!' => rest.parse().ok().map(Self::Missed),
            b'.' => Some(Self::Beat),
            b'$' => Some(Self::Enough),
            _ => None,
        }
    }
}

/// Where frames go: a socket, or straight to who asked.
pub(crate) enum Wire<'a> {
    /// A socket.
    Socket(&'a mut dyn Write),
    /// Somebody in this process.
    Here(&'a mut dyn FnMut(Frame) -> Result<()>),
}

impl Wire<'_> {
    /// Sends a frame. An error means that nobody listens.
    pub(crate) fn send(&mut self, frame: &Frame) -> Result<()> {
        let line = match (&mut *self, frame) {
            (Self::Here(take), frame) => return take(frame.clone()),
            // A line is a frame: no row may break out of its own.
            (_, Frame::Row(text)) => format!("={}\n", text.replace(['\n', '\r'], " ")),
            (_, Frame::Missed(rows)) => format!("!{rows}\n"),
            (_, Frame::Beat) => ".\n".to_owned(),
            (_, Frame::Enough) => "$\n".to_owned(),
        };
        if let Self::Socket(socket) = self {
            socket.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    /// Sends the lines of a row.
    pub(crate) fn send_row(&mut self, lines: &str) -> Result<()> {
        lines.lines().try_for_each(|line| self.send(&Frame::Row(line.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Wire};

    #[test]
    fn a_frame_comes_out_as_it_went_in() {
        let mut sent = Vec::new();
        let frames = [Frame::Row("a=1".to_owned()), Frame::Missed(7), Frame::Beat, Frame::Enough];
        let mut wire = Wire::Socket(&mut sent);
        frames.iter().for_each(|frame| wire.send(frame).expect("sent"));
        let text = String::from_utf8(sent).expect("text");
        let read: Vec<Frame> = text.lines().filter_map(Frame::read).collect();
        assert_eq!(read, frames);
        assert_eq!(Frame::read(r#"{"error":1}"#), None);
    }
}
