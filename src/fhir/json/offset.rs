//! Finds members and items in the text of a document, by their JSON Pointers.
//!
//! <https://www.rfc-editor.org/rfc/rfc6901>

use std::collections::HashMap;
use std::ops::ControlFlow;

use jiter::{Jiter, Peek};

use super::path::choice_of;

/// Where each of these members and items begins: a member with the quote that opens its name, an item with its value. Of one
/// that the document lacks, the `{` or `[` that should hold it. `None` if the document has no value at all.
///
/// One pass finds all of them, and ends with the last one, or where the document is malformed. Of duplicate names the first
/// counts, as for [`super::parse`]; `value` finds the first of its forms: `valueString`.
pub fn offsets<'a>(source: &str, pointers: impl IntoIterator<Item = &'a str>) -> Vec<Option<usize>> {
    let mut search = Search { source, nodes: vec![Node::default()], missing: 1 };
    let targets: Vec<_> = pointers.into_iter().map(|pointer| search.add(pointer)).collect();
    let _ = search.document();
    targets.into_iter().map(|target| search.offset(target)).collect()
}

/// The pointers as a tree, so that the document is read once for all of them.
struct Search<'a> {
    source: &'a str,
    /// The first is the root.
    nodes: Vec<Node>,
    /// How many of them are not found yet.
    missing: usize,
}

#[derive(Default)]
struct Node {
    parent: usize,
    /// The nodes below, by the name of a member, and by the index of an item: the pointer does not tell which it is.
    members: HashMap<String, usize>,
    items: HashMap<usize, usize>,
    /// Where it begins in the document.
    start: Option<usize>,
    /// Its `{` or `[`.
    container: Option<usize>,
}

impl Search<'_> {
    /// The node of a pointer.
    fn add(&mut self, pointer: &str) -> usize {
        pointer.split('/').skip(1).fold(0, |parent, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            if let Some(&known) = self.nodes[parent].members.get(&token) {
                return known;
            }
            let node = self.nodes.len();
            self.nodes.push(Node { parent, ..Node::default() });
            self.missing += 1;
            if let Ok(index) = token.parse() {
                self.nodes[parent].items.insert(index, node);
            }
            self.nodes[parent].members.insert(token, node);
            node
        })
    }

    /// Where a node begins; where it is not found, the innermost container around it that is.
    fn offset(&self, target: usize) -> Option<usize> {
        let mut node = &self.nodes[target];
        if node.start.is_some() {
            return node.start;
        }
        while node.start.is_none() && node.parent != 0 {
            node = &self.nodes[node.parent];
        }
        let holder = if node.start.is_some() { node } else { &self.nodes[0] };
        holder.container.or(holder.start)
    }

    /// Breaks where everything is found, or the document is malformed.
    fn document(&mut self) -> ControlFlow<()> {
        let mut json = Jiter::new(self.source.as_bytes());
        let first = unless_malformed(json.peek())?;
        self.found(0, json.current_index())?;
        self.visit(&mut json, first, 0)
    }

    fn found(&mut self, node: usize, start: usize) -> ControlFlow<()> {
        self.nodes[node].start = Some(start);
        self.missing -= 1;
        if self.missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Reads the value of a node. No deeper than the pointers are long.
    fn visit(&mut self, json: &mut Jiter<'_>, first: Peek, node: usize) -> ControlFlow<()> {
        if matches!(first, Peek::Object | Peek::Array) {
            self.nodes[node].container = Some(json.current_index());
        }
        let is_leaf = self.nodes[node].members.is_empty();
        match first {
            Peek::Object if !is_leaf => self.object(json, node),
            Peek::Array if !is_leaf => self.array(json, node),
            _ => unless_malformed(json.known_skip(first)),
        }
    }

    fn object(&mut self, json: &mut Jiter<'_>, node: usize) -> ControlFlow<()> {
        let mut before = json.current_index();
        let mut name = unless_malformed(json.known_object())?;
        while let Some(key) = name {
            let members = &self.nodes[node].members;
            let child = members.get(key).or_else(|| members.get(choice_of(key)?)).copied();
            let first = unless_malformed(json.peek())?;
            match child.filter(|child| self.nodes[*child].start.is_none()) {
                Some(child) => {
                    // White space and a comma or the brace are before the quote.
                    let quote = self.source[before..].find('"').unwrap_or_default();
                    self.found(child, before + quote)?;
                    self.visit(json, first, child)?;
                }
                None => unless_malformed(json.known_skip(first))?,
            }
            before = json.current_index();
            name = unless_malformed(json.next_key())?;
        }
        ControlFlow::Continue(())
    }

    fn array(&mut self, json: &mut Jiter<'_>, node: usize) -> ControlFlow<()> {
        let mut index = 0;
        let mut item = unless_malformed(json.known_array())?;
        while let Some(first) = item {
            match self.nodes[node].items.get(&index).copied() {
                Some(child) => {
                    self.found(child, json.current_index())?;
                    self.visit(json, first, child)?;
                }
                None => unless_malformed(json.known_skip(first))?,
            }
            index += 1;
            item = unless_malformed(json.array_step())?;
        }
        ControlFlow::Continue(())
    }
}

fn unless_malformed<T, E>(read: Result<T, E>) -> ControlFlow<(), T> {
    read.map_or(ControlFlow::Break(()), ControlFlow::Continue)
}
