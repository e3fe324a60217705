//! Walks a JSON text that is known to be good, and cuts it into raw values. Nothing is copied.

use std::borrow::Cow;

/// A place in a good JSON text.
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// At the beginning of a good JSON text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Passes over this sign if it is next.
    fn pass(&mut self, sign: u8) -> bool {
        let is = self.peek() == Some(sign);
        self.at += usize::from(is);
        is
    }

    /// Enters an object or array; false if neither of that sign begins here.
    pub(super) fn enter(&mut self, sign: u8) -> bool {
        self.pass(sign)
    }

    /// The next raw item of the array that was entered.
    pub(super) fn item(&mut self) -> Option<&'a str> {
        self.pass(b',');
        (self.peek()? != b']').then(|| self.value())
    }

    /// The next name of the object that was entered, and its raw value.
    pub(super) fn field(&mut self) -> Option<(&'a str, &'a str)> {
        self.pass(b',');
        if self.peek()? == b'}' {
            return None;
        }
        let name = self.value();
        self.pass(b':');
        Some((name, self.value()))
    }

    /// The raw value that begins here.
    fn value(&mut self) -> &'a str {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => self.pass_string(),
            Some(b'{' | b'[') => self.pass_nested(),
            _ => {
                let rest = &self.text.as_bytes()[start..];
                let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                self.at = start + rest.iter().position(ends).unwrap_or(rest.len());
            }
        }
        &self.text[start..self.at]
    }

    fn pass_string(&mut self) {
        let bytes = self.text.as_bytes();
        self.at += 1;
        while let Some(offset) = memchr::memchr2(b'"', b'\\', &bytes[self.at..]) {
            self.at += offset + 1;
            if bytes[self.at - 1] == b'"' {
                return;
            }
            // Whatever is escaped, a quote is no end here.
            self.at += 1;
        }
    }

    fn pass_nested(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.pass_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

/// What a raw value says if it is a string. `None` if it is none, or has half of a character that takes two escapes.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}
