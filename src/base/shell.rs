//! Words of a POSIX shell (IEEE Std 1003.1, Shell Command Language, 2.2 Quoting).

/// A word of a command line, quoted for a POSIX shell where it needs to be.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        for (word, quoted) in [
            ("cinder.sql", "cinder.sql"),
            ("--target=postgresql://karbor@db1:5432/karbor", "--target=postgresql://karbor@db1:5432/karbor"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("postgresql://h/d?sslmode=require&x=y", "'postgresql://h/d?sslmode=require&x=y'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
