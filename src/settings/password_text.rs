//! Whether a text contains a password, such as a connection string.

use connect::password_in;
use pipeline::load::spec::Spec;

/// Whether a text is a connection string with a password, or something like one: another program's, or a misspelt one.
pub(crate) fn may_hold_password(text: &str) -> bool {
    if matches!(Spec::parse(text), Ok(Spec::Postgres(_))) && password_in(text) {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let of_ours = ["postgresql", "postgres"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    let well_formed = rest.starts_with("//") && ["postgresql", "postgres"].contains(&scheme);
    let scheme_like =
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let other = scheme_like && rest.starts_with('/') && scheme != "sqlite";
    let credentials = rest.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'));
    !well_formed && (of_ours || other) && (credentials || rest.to_ascii_lowercase().contains("password="))
}
