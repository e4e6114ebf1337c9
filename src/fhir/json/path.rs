//! The place of a value in a document.

/// A place, kept on the stack: it costs nothing until its text is made.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The document itself.
    Root,
    /// A member of an object.
    Key(&'a Path<'a>, &'a str),
    /// An item of an array.
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The place as FHIRPath below `root`, the resource type.
    pub fn expression(&self, root: &str) -> String {
        let mut text = String::new();
        self.write(root, &mut text);
        text
    }

    fn write(&self, root: &str, text: &mut String) {
        match self {
            Self::Root => text.push_str(root),
            Self::Key(parent, key) => {
                parent.write(root, text);
                text.push('.');
                text.push_str(key);
            }
            Self::Index(parent, index) => {
                parent.write(root, text);
                text.push_str(&format!("[{index}]"));
            }
        }
    }
}
