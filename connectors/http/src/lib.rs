//! Documents from publishers over HTTP, found by calendar or by the links of a page.
