//! Text to syntax tree: `sqlparser` reads the SQL, this module keeps what Spotlight supports and finds byte spans.
//!
//! Two changes are made to the tokens before parsing. Words that are keywords elsewhere in SQL (`user`, `position`,
//! `trim`) become plain words, so that columns and functions can have these names. And the type of a `cast` becomes one
//! quoted word, so that all types of Spotlight, such as `timestamp(6, UTC)`, can be written there.
//!
//! The parser's spans leave out brackets and keywords; they are widened over the tokens.

use batch::Code;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, Spanned, Subscript, UnaryOperator, Value,
};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use crate::brackets::{closed_too_early, not_closed};
use crate::expression::ExpressionError;
use crate::habits::{self, habit, name_of_words};
use crate::lines::Lines;
use crate::syntax::{Is, Operator, Span, Syntax, SyntaxKind};

/// Longest text. Longer ones are data, not rules, and would make the work after each edit slow.
const LONGEST: usize = 64 * 1024;
/// Levels of the parser's own recursion: it takes a few for each bracket.
const PARSER_LEVELS: usize = 250;
/// Most tokens: the parser's tree of a chain of operators is as deep as the chain is long, and is freed recursively.
const MOST_TOKENS: usize = 4_096;
/// Deepest nesting of brackets and `case`. The parser tries several readings of each, so its time grows fast with the depth.
const DEEPEST_BRACKETS: usize = 40;
/// Deepest nesting; deeper trees could exhaust the stack of a thread.
pub(crate) const DEEPEST: usize = 100;

#[derive(Debug)]
pub(crate) struct Words;

impl Dialect for Words {
    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"'
    }

    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphanumeric() || character == '_'
    }
}

/// Parses one expression.
pub(crate) fn parse(text: &str) -> Result<Syntax, ExpressionError> {
    if text.len() > LONGEST {
        return Err(too_large(0..text.len()));
    }
    let lines = Lines::new(text);
    let tokens = Tokenizer::new(&Words, text).tokenize_with_location().map_err(|raised| {
        let at = lines.offset(raised.location.line, raised.location.column);
        let (at, message) = (at..text.len(), raised.message.to_lowercase());
        match message.as_str() {
            said if said.contains("unterminated string") => habits::open_text(text, at),
            said if said.contains("multi-line comment") => habits::open_comment(text, at),
            said if said.contains("close delimiter") => {
                error("E3101", at, "a name is not closed".to_owned(), "close it with `\"`")
            }
            _ => syntax_error(at, message),
        }
    })?;
    if tokens.len() > 2 * MOST_TOKENS {
        return Err(too_large(0..text.len()));
    }
    if let Some(comment) = habits::comment(tokens.iter().map(|token| (&token.token, lines.span(token.span)))) {
        return Err(comment);
    }
    let tokens = prepare(text, &lines, tokens);
    let places: Vec<_> = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .map(|token| (token.token.clone(), lines.span(token.span)))
        .collect();
    if places.len() > MOST_TOKENS || bracket_depth(&places) > DEEPEST_BRACKETS {
        return Err(too_large(0..text.len()));
    }
    let mut parser = Parser::new(&Words).with_recursion_limit(PARSER_LEVELS).with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().and_then(|expression| {
        let next = parser.peek_token_ref();
        match next.token {
            Token::EOF => Ok(expression),
            _ => parser.expected_ref("end of expression", next),
        }
    });
    let reader = Reader { text, lines, places };
    match parsed {
        Ok(expression) => reader.read(&expression, DEEPEST),
        Err(error) => Err(reader.parser_error(error)),
    }
}

fn bracket_depth(places: &[(Token, Span)]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for (token, _) in places {
        match token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Word(word) if word.keyword == Keyword::CASE => depth += 1,
            Token::Word(word) if word.keyword == Keyword::END => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

pub(crate) fn error(code: &'static str, span: Span, message: String, remedy: &str) -> ExpressionError {
    ExpressionError { code: Code(code), span, message, remedy: Some(remedy.to_owned()), nearest: None }
}

fn syntax_error(span: Span, message: String) -> ExpressionError {
    error(
        "E3101",
        span,
        message,
        "write one SQL scalar expression, such as `cast(nullif(trim(price), '.') as decimal(18, 4))`",
    )
}

fn unsupported(span: Span, what: &str) -> ExpressionError {
    error(
        "E3102",
        span,
        format!("{what} cannot be used here"),
        "use operators, `case`, `cast` and functions of one row's values",
    )
}

pub(crate) fn too_large(span: Span) -> ExpressionError {
    error(
        "E3103",
        span,
        "the expression is too large or nested too deeply".to_owned(),
        "divide it into named functions",
    )
}

fn prepare(text: &str, lines: &Lines<'_>, tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut prepared: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(mut token) = rest.next() {
        let mut is_as = false;
        if let Token::Word(word) = &mut token.token {
            let is_field = matches!(prepared.last(), Some(TokenWithSpan { token: Token::Period, .. }));
            if word.quote_style.is_some() || is_field || !is_known(word.keyword) {
                word.keyword = Keyword::NoKeyword;
            } else if matches!(word.keyword, Keyword::DATE | Keyword::TIMESTAMP) {
                while let Some(space) = rest.next_if(|next| matches!(next.token, Token::Whitespace(_))) {
                    drop(space);
                }
                if !matches!(rest.peek().map(|next| &next.token), Some(Token::SingleQuotedString(_))) {
                    word.keyword = Keyword::NoKeyword;
                }
            }
            is_as = word.keyword == Keyword::AS;
        }
        prepared.push(token);
        if is_as {
            let mut depth = 0_usize;
            let mut type_tokens: Vec<TokenWithSpan> = Vec::new();
            while let Some(next) = rest.next_if(|next| match next.token {
                Token::RParen if depth == 0 => false,
                Token::LParen => {
                    depth += 1;
                    true
                }
                Token::RParen => {
                    depth -= 1;
                    true
                }
                _ => true,
            }) {
                if !matches!(next.token, Token::Whitespace(_)) {
                    type_tokens.push(next);
                }
            }
            if let (Some(first), Some(last)) = (type_tokens.first(), type_tokens.last()) {
                let span = first.span.union(&last.span);
                let value = text.get(lines.span(span)).unwrap_or_default().to_owned();
                let word = Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword };
                prepared.push(TokenWithSpan { token: Token::Word(word), span });
            }
        }
    }
    prepared
}

/// The keywords of the language of expressions; every other word is a name.
fn is_known(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::NULL
            | Keyword::TRUE
            | Keyword::FALSE
            | Keyword::CASE
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::END
            | Keyword::CAST
            | Keyword::TRY_CAST
            | Keyword::AS
            | Keyword::IN
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::ESCAPE
            | Keyword::DISTINCT
            | Keyword::FROM
            | Keyword::DATE
            | Keyword::TIMESTAMP
            | Keyword::SELECT
    )
}

struct Reader<'a> {
    text: &'a str,
    lines: Lines<'a>,
    /// Tokens without blanks and comments.
    places: Vec<(Token, Span)>,
}

type Read<T> = Result<T, ExpressionError>;

impl Reader<'_> {
    fn parser_error(&self, raised: ParserError) -> ExpressionError {
        let message = match raised {
            ParserError::RecursionLimitExceeded => return too_large(0..self.text.len()),
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        };
        // The position stands at the end of the message only.
        let (message, place) = match message.rsplit_once(" at Line: ") {
            Some((message, place)) => (message.to_owned(), place.split_once(", Column: ")),
            None => (message, None),
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let start = place
            .and_then(|(line, column)| Some(self.lines.offset(number(line)?, number(column)?)))
            .unwrap_or(self.text.len());
        let end =
            self.places.iter().find(|(_, span)| span.start == start).map_or(self.text.len(), |(_, span)| span.end);
        if let Some(wrong) = closed_too_early(self.text, &self.places, &message, &(start..end)) {
            return wrong;
        }
        let (before, rest) = self.text.split_at_checked(start).unwrap_or((self.text, ""));
        if let Some((message, remedy)) = habit(rest, before) {
            return error("E3101", start..end, message, &remedy);
        }
        if message.starts_with("Expected: )") && rest.trim().is_empty() {
            return error("E3101", start..end, "a bracket is not closed".to_owned(), "close it with `)`");
        }
        if let Some(wrong) = not_closed(self.text, &self.places, &message, &(start..end)) {
            return wrong;
        }
        let mut found = syntax_error(start..end, habits::in_our_words(&message));
        if let Some(column) = name_of_words(self.text) {
            found.remedy = Some(column);
        }
        found
    }

    /// The span of the brackets that directly enclose `inner`, and the index of the token that opens them.
    fn around(&self, inner: &Span) -> (Span, usize) {
        let first = self.places.iter().position(|(_, span)| span.start >= inner.start).unwrap_or(0);
        let mut depth = 0_usize;
        for index in (0..first).rev() {
            match self.places[index].0 {
                Token::RParen | Token::RBracket => depth += 1,
                Token::LParen | Token::LBracket if depth > 0 => depth -= 1,
                Token::LParen | Token::LBracket => return (self.places[index].1.start..self.close(index), index),
                _ => {}
            }
        }
        (inner.clone(), first)
    }

    /// End of the bracket that the token at `open` begins.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (token, span) in &self.places[open..] {
            match token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return span.end;
                    }
                }
                _ => {}
            }
        }
        self.text.len()
    }

    /// As `around`, and with the word in front of the bracket.
    fn call_around(&self, inner: &Span) -> Span {
        let (span, open) = self.around(inner);
        let start = open.checked_sub(1).map_or(span.start, |before| self.places[before].1.start);
        start..span.end
    }

    /// Start of the token before `span`.
    fn token_before(&self, span: &Span) -> usize {
        self.places.iter().rev().find(|(_, place)| place.end <= span.start).map_or(span.start, |(_, place)| place.start)
    }

    /// End of the token after `span`.
    fn token_after(&self, span: &Span, count: usize) -> usize {
        self.places
            .iter()
            .filter(|(_, place)| place.start >= span.end)
            .nth(count - 1)
            .map_or(span.end, |(_, place)| place.end)
    }

    fn boxed(&self, expression: &Expr, depth: usize) -> Read<Box<Syntax>> {
        self.read(expression, depth).map(Box::new)
    }

    fn read(&self, expression: &Expr, depth: usize) -> Read<Syntax> {
        let Some(depth) = depth.checked_sub(1) else { return Err(too_large(0..self.text.len())) };
        match expression {
            Expr::Identifier(ident) => Ok(self.name(std::slice::from_ref(ident))),
            Expr::CompoundIdentifier(idents) => Ok(self.name(idents)),
            Expr::Value(value) => literal(&value.value, self.lines.span(value.span)),
            Expr::TypedString(typed) => self.moment(typed, &self.lines.span(typed.value.span)),
            Expr::Nested(inner) => {
                let inner = self.read(inner, depth)?;
                let (span, _) = self.around(&inner.span);
                Ok(Syntax { span, kind: inner.kind })
            }
            Expr::UnaryOp { op, expr } => {
                let operand = self.boxed(expr, depth)?;
                let span = self.token_before(&operand.span)..operand.span.end;
                let kind = match op {
                    UnaryOperator::Not => SyntaxKind::Not(operand),
                    UnaryOperator::Minus => SyntaxKind::Negate(operand),
                    UnaryOperator::Plus => return Ok(*operand),
                    _ => return Err(self.no_operator(span, &op.to_string())),
                };
                Ok(Syntax { span, kind })
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, depth),
            Expr::IsDistinctFrom(left, right) => self.pair(left, Operator::Distinct, right, depth),
            Expr::IsNotDistinctFrom(left, right) => self.pair(left, Operator::NotDistinct, right, depth),
            Expr::Cast { kind, expr, data_type, .. } => self.cast(kind, expr, data_type, depth),
            Expr::Function(function) => self.call(function, depth),
            Expr::Array(array) => {
                let items = self.all(array.elem.iter(), depth)?;
                let span = match items.first() {
                    Some(first) => self.around(&first.span).0,
                    // An empty list has no span of its own.
                    None => 0..self.text.len(),
                };
                Ok(Syntax { span, kind: SyntaxKind::Array(items) })
            }
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, depth),
            Expr::Case { .. } => self.case(expression, depth),
            _ => self.predicate(expression, depth),
        }
    }

    fn no_operator(&self, span: Span, sign: &str) -> ExpressionError {
        match habits::operator(sign) {
            Some((message, remedy)) => error("E3102", span, message, remedy),
            None => unsupported(span, "this operator"),
        }
    }

    fn all<'e>(&self, expressions: impl Iterator<Item = &'e Expr>, depth: usize) -> Read<Vec<Syntax>> {
        expressions.map(|expression| self.read(expression, depth)).collect()
    }

    fn name(&self, idents: &[Ident]) -> Syntax {
        let spans = idents.iter().map(|ident| self.lines.span(ident.span));
        let span = spans.reduce(|all, next| all.start..next.end).unwrap_or(0..0);
        let name = idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".");
        Syntax { span, kind: SyntaxKind::Name { name, quoted: idents.iter().any(|ident| ident.quote_style.is_some()) } }
    }

    fn moment(&self, typed: &sqlparser::ast::TypedString, own: &Span) -> Read<Syntax> {
        let span = self.token_before(own)..own.end;
        let date = match typed.data_type {
            DataType::Date => true,
            DataType::Timestamp(..) => false,
            _ => return Err(unsupported(span, "a literal of this type")),
        };
        match &typed.value.value {
            Value::SingleQuotedString(text) => {
                Ok(Syntax { span, kind: SyntaxKind::Moment { date, text: text.clone() } })
            }
            _ => Err(unsupported(span, "a literal of this type")),
        }
    }

    fn pair(&self, left: &Expr, operator: Operator, right: &Expr, depth: usize) -> Read<Syntax> {
        let (left, right) = (self.boxed(left, depth)?, self.boxed(right, depth)?);
        let span = left.span.start..right.span.end;
        Ok(Syntax { span, kind: SyntaxKind::Binary { operator, left, right } })
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr, depth: usize) -> Read<Syntax> {
        let operator = match op {
            BinaryOperator::Plus => Operator::Add,
            BinaryOperator::Minus => Operator::Subtract,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Remainder,
            BinaryOperator::Eq => Operator::Equal,
            BinaryOperator::NotEq => Operator::NotEqual,
            BinaryOperator::Lt => Operator::Less,
            BinaryOperator::LtEq => Operator::LessOrEqual,
            BinaryOperator::Gt => Operator::Greater,
            BinaryOperator::GtEq => Operator::GreaterOrEqual,
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::StringConcat => {
                return self.chain(left, op, right, depth);
            }
            _ => {
                let span = self.pair(left, Operator::Equal, right, depth)?.span;
                return Err(self.no_operator(span, &op.to_string()));
            }
        };
        self.pair(left, operator, right, depth)
    }

    /// `a and b and c` is one node of three terms, so that long chains are not deep trees.
    fn chain(&self, left: &Expr, op: &BinaryOperator, right: &Expr, depth: usize) -> Read<Syntax> {
        let mut written = vec![right];
        let mut rest = left;
        while let Expr::BinaryOp { left, op: next, right } = rest {
            if next != op {
                break;
            }
            written.push(right);
            rest = left;
        }
        written.push(rest);
        let terms = self.all(written.into_iter().rev(), depth)?;
        let start = terms.first().map_or(0, |term| term.span.start);
        let end = terms.last().map_or(start, |term| term.span.end);
        let kind = match op {
            BinaryOperator::StringConcat => {
                SyntaxKind::Call { name: "concat".to_owned(), name_span: start..end, arguments: terms }
            }
            _ => SyntaxKind::Logic { and: *op == BinaryOperator::And, terms },
        };
        Ok(Syntax { span: start..end, kind })
    }

    fn cast(&self, kind: &CastKind, operand: &Expr, data_type: &DataType, depth: usize) -> Read<Syntax> {
        let operand = self.boxed(operand, depth)?;
        let (span, target, target_span) = match (kind, data_type) {
            (CastKind::DoubleColon, data_type) => {
                let end = self.token_after(&operand.span, 2);
                let target_span = self.token_after(&operand.span, 1)..end;
                (operand.span.start..end, data_type.to_string(), target_span)
            }
            (_, DataType::Custom(name, _)) => {
                let target = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.clone());
                (self.call_around(&operand.span), target.collect(), self.lines.span(name.span()))
            }
            (_, data_type) => (self.call_around(&operand.span), data_type.to_string(), operand.span.clone()),
        };
        let or_null = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
        Ok(Syntax { span, kind: SyntaxKind::Cast { operand, target, target_span, or_null } })
    }

    fn call(&self, function: &Function, depth: usize) -> Read<Syntax> {
        let name_span = self.lines.span(function.name.span());
        let open = self.places.iter().position(|(_, span)| span.start >= name_span.end).unwrap_or(0);
        let span = name_span.start..self.close(open);
        let plain = function.over.is_none() && function.filter.is_none() && function.within_group.is_empty();
        let FunctionArguments::List(list) = &function.args else { return Err(unsupported(span, "a subquery")) };
        if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
            return Err(unsupported(span, "an aggregate or window"));
        }
        let arguments = list.args.iter().map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => self.read(argument, depth),
            _ => Err(unsupported(span.clone(), "a named argument or `*`")),
        });
        let arguments = arguments.collect::<Read<Vec<_>>>()?;
        let name = function.name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.as_str());
        let name = name.collect::<Vec<_>>().join(".");
        Ok(Syntax { span, kind: SyntaxKind::Call { name, name_span, arguments } })
    }

    fn access(&self, root: &Expr, chain: &[AccessExpr], depth: usize) -> Read<Syntax> {
        // A dotted name before a bracket, as in `record.headers['x']`, comes in parts.
        let mut idents: Vec<Ident> = match root {
            Expr::Identifier(ident) => vec![ident.clone()],
            _ => Vec::new(),
        };
        let dotted = chain.iter().map_while(|access| match access {
            AccessExpr::Dot(Expr::Identifier(ident)) if !idents.is_empty() => Some(ident.clone()),
            _ => None,
        });
        let dotted: Vec<Ident> = dotted.collect();
        let (named, chain) = chain.split_at(dotted.len());
        idents.extend(dotted);
        let mut result = if named.is_empty() { self.read(root, depth)? } else { self.name(&idents) };
        if chain.len() > DEEPEST {
            return Err(too_large(result.span));
        }
        for access in chain {
            let AccessExpr::Subscript(Subscript::Index { index }) = access else {
                return Err(unsupported(result.span, "a field or slice of a value"));
            };
            let index = self.boxed(index, depth)?;
            let span = result.span.start..self.around(&index.span).0.end;
            result = Syntax { span, kind: SyntaxKind::Element { of: Box::new(result), index } };
        }
        Ok(result)
    }

    fn case(&self, expression: &Expr, depth: usize) -> Read<Syntax> {
        let Expr::Case { case_token, end_token, operand, conditions, else_result } = expression else {
            return Err(unsupported(0..self.text.len(), "this"));
        };
        let span = self.lines.span(case_token.0.span).start..self.lines.span(end_token.0.span).end;
        let operand = operand.as_ref().map(|operand| self.boxed(operand, depth)).transpose()?;
        let otherwise = else_result.as_ref().map(|value| self.boxed(value, depth)).transpose()?;
        let branches = conditions
            .iter()
            .map(|branch| Ok((self.read(&branch.condition, depth)?, self.read(&branch.result, depth)?)))
            .collect::<Read<Vec<_>>>()?;
        Ok(Syntax { span, kind: SyntaxKind::Case { operand, branches, otherwise } })
    }

    fn predicate(&self, expression: &Expr, depth: usize) -> Read<Syntax> {
        let is = |operand: &Expr, what: Is, negated: bool| {
            let operand = self.boxed(operand, depth)?;
            let span = operand.span.start..self.token_after(&operand.span, if negated { 3 } else { 2 });
            Ok(Syntax { span, kind: SyntaxKind::Is { operand, what, negated } })
        };
        match expression {
            Expr::IsNull(operand) => is(operand, Is::Null, false),
            Expr::IsNotNull(operand) => is(operand, Is::Null, true),
            Expr::IsTrue(operand) => is(operand, Is::True, false),
            Expr::IsNotTrue(operand) => is(operand, Is::True, true),
            Expr::IsFalse(operand) => is(operand, Is::False, false),
            Expr::IsNotFalse(operand) => is(operand, Is::False, true),
            Expr::InList { expr, list, negated } => {
                let (operand, list) = (self.boxed(expr, depth)?, self.all(list.iter(), depth)?);
                let end = list.first().map_or(operand.span.end, |first| self.around(&first.span).0.end);
                let span = operand.span.start..end;
                Ok(Syntax { span, kind: SyntaxKind::In { operand, list, negated: *negated } })
            }
            Expr::Between { expr, negated, low, high } => {
                let (operand, low, high) =
                    (self.boxed(expr, depth)?, self.boxed(low, depth)?, self.boxed(high, depth)?);
                let span = operand.span.start..high.span.end;
                Ok(Syntax { span, kind: SyntaxKind::Between { operand, low, high, negated: *negated } })
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char }
            | Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let (operand, pattern) = (self.boxed(expr, depth)?, self.boxed(pattern, depth)?);
                let escape = escape_char.as_ref().map(|escape| self.boxed(escape, depth)).transpose()?;
                let span = operand.span.start..escape.as_ref().map_or(pattern.span.end, |escape| escape.span.end);
                let ignore_case = matches!(expression, Expr::ILike { .. });
                let kind = SyntaxKind::Like { operand, pattern, escape, ignore_case, negated: *negated };
                Ok(Syntax { span, kind })
            }
            _ => {
                // The parser's own spans are found by recursion, which a long chain could make too deep.
                let own = if self.places.len() < 500 { self.lines.span(expression.span()) } else { 0..0 };
                let span = if own.is_empty() { 0..self.text.len() } else { own };
                Err(unsupported(span, "this form of SQL"))
            }
        }
    }
}

fn literal(value: &Value, span: Span) -> Read<Syntax> {
    let kind = match value {
        Value::Null => SyntaxKind::Null,
        Value::Boolean(value) => SyntaxKind::Boolean(*value),
        Value::Number(number, false) => SyntaxKind::Number(number.clone()),
        Value::SingleQuotedString(text) => SyntaxKind::Text(text.clone()),
        Value::Placeholder(name) => {
            let name = name.trim_start_matches(['$', ':', '?', '@']);
            let remedy = format!("write `{}`", if name.is_empty() { "NAME" } else { name });
            return Err(error("E3102", span, "a column is named without a sign in front".to_owned(), &remedy));
        }
        _ => return Err(unsupported(span, "a literal of this kind")),
    };
    Ok(Syntax { span, kind })
}
