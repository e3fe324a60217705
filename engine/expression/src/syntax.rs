//! The tree that parsing gives: what was written, with byte spans, before names and types mean anything.

use std::ops::Range;

/// Bytes of the expression's text, half open.
pub(crate) type Span = Range<usize>;

#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) span: Span,
    pub(crate) kind: SyntaxKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Distinct,
    NotDistinct,
}

impl Operator {
    /// True for a comparison that gives null where a side is null.
    pub(crate) fn is_plain_comparison(self) -> bool {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    /// True for any comparison of two sides.
    pub(crate) fn is_comparison(self) -> bool {
        self.is_plain_comparison() || matches!(self, Self::Distinct | Self::NotDistinct)
    }

    /// True for an operator of numbers.
    pub(crate) fn is_arithmetic(self) -> bool {
        use Operator::{Add, Divide, Multiply, Remainder, Subtract};
        matches!(self, Add | Subtract | Multiply | Divide | Remainder)
    }

    /// As it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Distinct => "is distinct from",
            Self::NotDistinct => "is not distinct from",
        }
    }
}

impl Syntax {
    /// True for texts joined by `||` without brackets around them.
    pub(crate) fn is_joined(&self) -> bool {
        matches!(&self.kind, SyntaxKind::Call { name_span, .. } if *name_span == self.span)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Null,
    True,
    False,
}

#[derive(Debug)]
pub(crate) enum SyntaxKind {
    Name {
        name: String,
        quoted: bool,
    },
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    /// `date '…'` or `timestamp '…'`.
    Moment {
        date: bool,
        text: String,
    },
    Not(Box<Syntax>),
    Negate(Box<Syntax>),
    Binary {
        operator: Operator,
        left: Box<Syntax>,
        right: Box<Syntax>,
    },
    /// Two or more terms joined by `and` or by `or`.
    Logic {
        and: bool,
        terms: Vec<Syntax>,
    },
    Is {
        operand: Box<Syntax>,
        what: Is,
        negated: bool,
    },
    In {
        operand: Box<Syntax>,
        list: Vec<Syntax>,
        negated: bool,
    },
    Between {
        operand: Box<Syntax>,
        low: Box<Syntax>,
        high: Box<Syntax>,
        negated: bool,
    },
    Like {
        operand: Box<Syntax>,
        pattern: Box<Syntax>,
        escape: Option<Box<Syntax>>,
        ignore_case: bool,
        negated: bool,
    },
    Case {
        operand: Option<Box<Syntax>>,
        branches: Vec<(Syntax, Syntax)>,
        otherwise: Option<Box<Syntax>>,
    },
    Cast {
        operand: Box<Syntax>,
        target: String,
        target_span: Span,
        or_null: bool,
    },
    Call {
        name: String,
        name_span: Span,
        arguments: Vec<Syntax>,
    },
    Array(Vec<Syntax>),
    Element {
        of: Box<Syntax>,
        index: Box<Syntax>,
    },
}
