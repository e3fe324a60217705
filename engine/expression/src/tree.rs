//! The typed tree that is evaluated.
//!
//! Conversions are explicit nodes here; evaluation never looks at types to decide what to do.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use batch::Type;

use crate::column::{Arguments, Outcome};

/// Name under which the operand of `case operand when …` is known in its branches. No user can write it.
pub(crate) const OPERAND: &str = "\0operand";

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) of: Type,
    pub(crate) nullable: bool,
    pub(crate) kind: Kind,
    /// What was written, while the node is a literal that may still take another type.
    pub(crate) literal: Option<Literal>,
    /// Longest way from here to a leaf, through the bodies of functions.
    pub(crate) depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Integer(i128),
    Decimal(Arc<str>),
    Text(Arc<str>),
    EmptyList,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// One value.
    Constant(ArrayRef),
    Name(Arc<str>),
    /// A function of all its arguments; fails where one of them failed.
    Apply {
        operation: Operation,
        arguments: Vec<Node>,
        context: Arc<str>,
    },
    Logic {
        and: bool,
        terms: Vec<Node>,
    },
    Case {
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Coalesce(Vec<Node>),
    Try(Box<Node>),
    /// Evaluates `body` where each of `names` is bound to an argument.
    Bind {
        names: Vec<Arc<str>>,
        arguments: Vec<Node>,
        body: Arc<Node>,
    },
}

/// Code over columns.
#[derive(Clone)]
pub(crate) struct Operation(pub(crate) Arc<dyn Fn(&Arguments<'_>) -> Outcome + Send + Sync>);

impl Operation {
    pub(crate) fn new(run: impl Fn(&Arguments<'_>) -> Outcome + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Operation")
    }
}

impl Node {
    pub(crate) fn new(of: Type, nullable: bool, kind: Kind) -> Self {
        let mut node = Self { of, nullable, kind, literal: None, depth: 0 };
        let mut deepest = 0;
        node.each_child(&mut |child| deepest = deepest.max(child.depth));
        node.depth = deepest + 1;
        node
    }

    fn each_child(&self, visit: &mut dyn FnMut(&Self)) {
        match &self.kind {
            Kind::Constant(_) | Kind::Name(_) => {}
            Kind::Apply { arguments: nodes, .. } | Kind::Logic { terms: nodes, .. } | Kind::Coalesce(nodes) => {
                nodes.iter().for_each(visit);
            }
            Kind::Case { branches, otherwise } => {
                for (condition, value) in branches {
                    visit(condition);
                    visit(value);
                }
                if let Some(otherwise) = otherwise {
                    visit(otherwise);
                }
            }
            Kind::Try(inner) => visit(inner),
            Kind::Bind { arguments, body, .. } => {
                arguments.iter().for_each(&mut *visit);
                visit(body);
            }
        }
    }

    /// Names of the outer scope.
    pub(crate) fn collect_names(&self, names: &mut Vec<Arc<str>>) {
        match &self.kind {
            Kind::Name(name) => names.push(Arc::clone(name)),
            Kind::Bind { names: bound, arguments, body } => {
                for argument in arguments {
                    argument.collect_names(names);
                }
                let mut inside = Vec::new();
                body.collect_names(&mut inside);
                names.extend(inside.into_iter().filter(|name| !bound.contains(name)));
            }
            _ => self.each_child(&mut |child| child.collect_names(names)),
        }
    }
}
