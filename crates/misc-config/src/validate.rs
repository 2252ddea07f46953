//! Rules that types cannot say: between keys, and about ranges.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    error, fmt,
};

use zeroize::Zeroize;

use crate::secret::Secret;

/// Checks settings once they are read: `#[derive(Config)]` implements it.
///
/// The derived one calls the struct's own `fn validate(&self) -> Result<(), Invalid>` where `#[config(validate)]` asks for
/// it, then the rules of each field whose type has some, so that all that is wrong is told at once. Write it by hand for a
/// type that has no derive:
///
/// ```
/// use misc_config::{Invalid, Validate};
///
/// struct Percent(u8);
///
/// impl Validate for Percent {
///     fn validate(&self, invalid: &mut Invalid) {
///         if self.0 > 100 {
///             invalid.merge(Invalid::new("", "must not be above 100"));
///         }
///     }
/// }
///
/// let mut invalid = Invalid::default();
/// invalid.within("sampled", |invalid| Percent(120).validate(invalid));
/// assert_eq!(invalid.to_string(), "sampled: must not be above 100");
/// ```
pub trait Validate {
    /// Adds what is wrong.
    fn validate(&self, invalid: &mut Invalid) {
        let _ = invalid;
    }
}

impl<T: Validate> Validate for Option<T> {
    fn validate(&self, invalid: &mut Invalid) {
        if let Some(value) = self {
            value.validate(invalid);
        }
    }
}

impl<T: Validate> Validate for Box<T> {
    fn validate(&self, invalid: &mut Invalid) {
        (**self).validate(invalid);
    }
}

impl<T: Validate + Zeroize> Validate for Secret<T> {
    fn validate(&self, invalid: &mut Invalid) {
        self.expose().validate(invalid);
    }
}

impl<T: Validate> Validate for Vec<T> {
    fn validate(&self, invalid: &mut Invalid) {
        items(self, invalid);
    }
}

impl<T: Validate> Validate for VecDeque<T> {
    fn validate(&self, invalid: &mut Invalid) {
        items(self, invalid);
    }
}

impl<T: Validate> Validate for BTreeSet<T> {
    fn validate(&self, invalid: &mut Invalid) {
        members(self, invalid);
    }
}

impl<T: Validate, S> Validate for HashSet<T, S> {
    fn validate(&self, invalid: &mut Invalid) {
        members(self, invalid);
    }
}

impl<K: fmt::Display, T: Validate> Validate for BTreeMap<K, T> {
    fn validate(&self, invalid: &mut Invalid) {
        for (key, value) in self {
            invalid.within(&key.to_string(), |invalid| value.validate(invalid));
        }
    }
}

impl<K: fmt::Display, T: Validate, S> Validate for HashMap<K, T, S> {
    fn validate(&self, invalid: &mut Invalid) {
        // A report reads the same each time.
        let sorted: BTreeMap<String, &T> = self.iter().map(|(key, value)| (key.to_string(), value)).collect();
        for (key, value) in sorted {
            invalid.within(&key, |invalid| value.validate(invalid));
        }
    }
}

/// Says which settings break a rule, and which rule.
///
/// ```
/// use misc_config::Invalid;
///
/// struct Pool {
///     min: u32,
///     max: u32,
/// }
///
/// impl Pool {
///     fn validate(&self) -> Result<(), Invalid> {
///         if self.min > self.max {
///             return Err(Invalid::new("min", "must not be above `max`"));
///         }
///         Ok(())
///     }
/// }
///
/// let invalid = Pool { min: 3, max: 2 }.validate().unwrap_err();
/// assert_eq!(invalid.to_string(), "min: must not be above `max`");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invalid {
    problems: Vec<(String, String)>,
}

impl Invalid {
    /// Says what is wrong with a key of the struct; `""` is the struct itself.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::default().and(key, message)
    }

    /// Adds what is wrong with another key.
    #[must_use]
    pub fn and(mut self, key: impl Into<String>, message: impl Into<String>) -> Self {
        self.problems.push((key.into(), message.into()));
        self
    }

    /// Adds everything that is wrong elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
    }

    /// Adds what is wrong below a key.
    pub fn within(&mut self, key: &str, validate: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        validate(&mut inner);
        self.problems.extend(inner.problems.into_iter().map(|(path, message)| (join(key, &path), message)));
    }

    /// Returns whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns the path and the message of everything that is wrong, each once.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut known = HashSet::new();
        let problems = self.problems.iter().map(|(path, message)| (&**path, &**message));
        problems.filter(move |problem| known.insert(*problem))
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (path, message)) in self.problems().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            match path {
                "" => write!(f, "{separator}{message}")?,
                _ => write!(f, "{separator}{path}: {message}")?,
            }
        }
        Ok(())
    }
}

impl error::Error for Invalid {}

/// Calls the rules of a type that has some, and else [`Unvalidated`]: inherent methods go first.
#[doc(hidden)]
#[derive(Debug)]
pub struct ValidateProbe<'a, T>(pub &'a T);

impl<T: Validate> ValidateProbe<'_, T> {
    pub fn probe(&self, invalid: &mut Invalid) {
        self.0.validate(invalid);
    }
}

#[doc(hidden)]
pub trait Unvalidated {
    fn probe(&self, _invalid: &mut Invalid) {}
}

impl<T> Unvalidated for ValidateProbe<'_, T> {}

/// The rules that `#[config(validate)]` asks for.
#[doc(hidden)]
pub trait OwnRules {
    fn check(&self, invalid: &mut Invalid);
}

/// What the method returns that `#[config(validate)]` calls.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`#[config(validate)]` calls `fn validate(&self) -> Result<(), misc_config::Invalid>` of the type itself",
    label = "the type has no method that looks so",
    note = "write it in an `impl` block of the type, or take `validate` away"
)]
pub trait Verdict {
    fn add_to(self, invalid: &mut Invalid);
}

#[diagnostic::do_not_recommend]
impl Verdict for Result<(), Invalid> {
    fn add_to(self, invalid: &mut Invalid) {
        if let Err(found) = self {
            invalid.merge(found);
        }
    }
}

/// Stands in for a `validate` that a type does not have, so that the compiler says what is missing: see [`Verdict`].
#[doc(hidden)]
pub trait NoRules {
    fn validate(&self) -> Missing {
        Missing
    }
}

impl<T> NoRules for T {}

#[doc(hidden)]
#[derive(Debug)]
pub struct Missing;

/// Checks what is in a list, at its places.
fn items<'a, T: Validate + 'a>(items: impl IntoIterator<Item = &'a T>, invalid: &mut Invalid) {
    for (index, value) in items.into_iter().enumerate() {
        invalid.within(&index.to_string(), |invalid| value.validate(invalid));
    }
}

/// Checks what is in a set, which does not know the places that the list had.
fn members<'a, T: Validate + 'a>(members: impl IntoIterator<Item = &'a T>, invalid: &mut Invalid) {
    let mut inner = Invalid::default();
    members.into_iter().for_each(|value| value.validate(&mut inner));
    // A report reads the same each time.
    inner.problems.sort();
    invalid.merge(inner);
}

/// Puts a key in front of a path.
fn join(key: &str, path: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{key}.{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks its rule where it is odd.
    struct Even(u32);

    impl Validate for Even {
        fn validate(&self, invalid: &mut Invalid) {
            if !self.0.is_multiple_of(2) {
                invalid.merge(Invalid::new("", format!("{} is odd", self.0)));
            }
        }
    }

    fn check(value: &impl Validate, expected: &str) {
        let mut invalid = Invalid::default();
        invalid.within("key", |invalid| value.validate(invalid));
        assert_eq!(invalid.to_string(), expected);
        assert_eq!(invalid.is_empty(), expected.is_empty());
    }

    #[test]
    fn what_holds_says_nothing() {
        check(&Even(2), "");
        check(&None::<Even>, "");
        check(&Vec::<Even>::new(), "");
    }

    #[test]
    fn rules_hold_inside_of_containers() {
        check(&Some(Box::new(Even(1))), "key: 1 is odd");
        check(&vec![Even(1), Even(2), Even(3)], "key.0: 1 is odd; key.2: 3 is odd");
        check(&VecDeque::from([Even(2), Even(3)]), "key.1: 3 is odd");
        check(&BTreeMap::from([(8, Even(1)), (4, Even(3))]), "key.4: 3 is odd; key.8: 1 is odd");
    }

    #[test]
    fn maps_report_in_the_order_of_their_keys() {
        check(&HashMap::from([("b", Even(1)), ("a", Even(3))]), "key.a: 3 is odd; key.b: 1 is odd");
    }

    #[test]
    fn paths_grow_from_the_inside() {
        let mut invalid = Invalid::new("first", "is wrong");
        invalid.within("outer", |outer| outer.within("inner", |inner| inner.merge(Invalid::new("key", "is bad"))));
        let problems: Vec<_> = invalid.problems().collect();
        assert_eq!(problems, [("first", "is wrong"), ("outer.inner.key", "is bad")]);
    }

    #[test]
    fn what_is_found_twice_is_told_once() {
        let mut invalid = Invalid::new("key", "is wrong").and("key", "is bad");
        invalid.merge(Invalid::new("key", "is wrong").and("other", "is wrong"));
        assert_eq!(invalid.to_string(), "key: is wrong; key: is bad; other: is wrong");
    }

    #[test]
    fn probes_call_rules_where_there_are_some() {
        struct Ruleless;
        let mut invalid = Invalid::default();
        ValidateProbe(&Ruleless).probe(&mut invalid);
        ValidateProbe(&vec![Ruleless]).probe(&mut invalid);
        assert!(invalid.is_empty());
        ValidateProbe(&vec![Even(1)]).probe(&mut invalid);
        assert_eq!(invalid.to_string(), "0: 1 is odd");
    }
}
