//! By which algorithms etl speaks with nodes: those of the library, and older ones where a node's settings allow them.

use russh::client::GexParams;
use russh::keys::Algorithm;
use russh::{AlgorithmKind, Names, Preferred, cipher, kex, mac};

/// What is offered where older algorithms are allowed: SHA-1 and CBC, behind what is better.
const KEX: [kex::Name; 3] = [kex::DH_GEX_SHA1, kex::DH_G14_SHA1, kex::DH_G1_SHA1];
const CIPHERS: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];
const MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

/// What stands in lists of key exchanges and is none: the extensions of RFC 8308 and of OpenSSH.
const EXTENSIONS: [&str; 2] = ["ext-info-", "kex-strict-"];

/// How much of a list is shown, in characters.
const SHOWN: usize = 600;

/// What etl offers.
pub(crate) fn preferred(legacy: bool) -> Preferred {
    let mut preferred = Preferred::default();
    if legacy {
        preferred.kex.to_mut().extend(KEX);
        preferred.cipher.to_mut().extend(CIPHERS);
        preferred.mac.to_mut().extend(MACS);
    }
    preferred
}

/// The kinds of host keys that etl takes.
pub(crate) fn host_keys() -> &'static [Algorithm] {
    match Preferred::DEFAULT.key {
        std::borrow::Cow::Borrowed(all) => all,
        std::borrow::Cow::Owned(_) => &[],
    }
}

/// The sizes of groups that are asked for.
pub(crate) fn groups(legacy: bool) -> GexParams {
    let groups = GexParams::default();
    let (most, wanted) = (groups.max_group_size(), groups.preferred_group_size());
    // Below 2048 bits the library takes none.
    match legacy {
        true => GexParams::new(2048, wanted, most).unwrap_or(groups),
        false => groups,
    }
}

/// What of that which two sides agreed on is allowed by `legacy_algorithms` alone.
pub(crate) fn old_ones(names: &Names) -> Vec<String> {
    let mut old = Vec::new();
    old.extend(KEX.iter().filter(|name| **name == names.kex).map(|name| name.as_ref().to_owned()));
    old.extend(CIPHERS.iter().filter(|name| **name == names.cipher).map(|name| name.as_ref().to_owned()));
    old.extend(MACS.iter().filter(|name| **name == names.server_mac).map(|name| name.as_ref().to_owned()));
    if names.key == (Algorithm::Rsa { hash: None }) {
        old.push(names.key.to_string());
    }
    old
}

/// Why two lists have nothing in common, and what to do about it.
pub(crate) fn nothing_in_common(
    kind: &AlgorithmKind,
    ours: &[String],
    theirs: &[String],
    legacy: bool,
) -> (String, String) {
    let (name, setting) = match kind {
        AlgorithmKind::Kex => ("key exchange", "KexAlgorithms"),
        AlgorithmKind::Key => ("kind of host key", "HostKeyAlgorithms"),
        AlgorithmKind::Cipher => ("cipher", "Ciphers"),
        AlgorithmKind::Mac => ("MAC", "MACs"),
        AlgorithmKind::Compression => ("compression", "Compression"),
    };
    let (ours, shown) = (list(ours), list(theirs));
    let problem = format!("no {name} is known on both sides: etl offers {ours}; the node offers {shown}");
    let is = |of: &[&str]| theirs.iter().any(|name| of.contains(&name.as_str()));
    let helps = match kind {
        AlgorithmKind::Kex => is(&KEX.each_ref().map(AsRef::as_ref)),
        AlgorithmKind::Cipher => is(&CIPHERS.each_ref().map(AsRef::as_ref)),
        AlgorithmKind::Mac => is(&MACS.each_ref().map(AsRef::as_ref)),
        _ => false,
    };
    let remedy = match helps && !legacy {
        true => "have sshd there brought up to date; until then legacy_algorithms = true in [[node]] allows older ones, which \
                 are weak"
            .to_owned(),
        false => format!("have the node offer one of them ({setting} in its sshd_config): etl has none of those that it offers"),
    };
    (problem, remedy)
}

fn list(names: &[String]) -> String {
    let names = names.iter().filter(|name| !EXTENSIONS.iter().any(|extension| name.starts_with(extension)));
    let text = names.map(String::as_str).collect::<Vec<_>>().join(", ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_ones_are_offered_only_where_they_are_allowed_and_behind_the_others() {
        let (own, old) = (preferred(false), preferred(true));
        for name in KEX {
            assert!(!own.kex.contains(&name) && old.kex.contains(&name));
        }
        assert!(old.kex.starts_with(&own.kex) && old.cipher.starts_with(&own.cipher));
        assert!(old.mac.starts_with(&own.mac) && old.mac.len() == own.mac.len() + MACS.len());
        assert_eq!((groups(false).min_group_size(), groups(true).min_group_size()), (3072, 2048));
    }

    #[test]
    fn both_lists_are_shown_without_extensions_and_not_without_end() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (problem, remedy) = nothing_in_common(
            &AlgorithmKind::Key,
            &names("ssh-ed25519 ext-info-c"),
            &names("ssh-dss kex-strict-s-v00@openssh.com"),
            false,
        );
        assert_eq!(
            problem,
            "no kind of host key is known on both sides: etl offers ssh-ed25519; the node offers ssh-dss"
        );
        assert!(
            remedy.contains("(HostKeyAlgorithms in its sshd_config)") && !remedy.contains("legacy"),
            "{remedy}"
        );
        let many = vec!["x".to_owned(); 100_000];
        let (problem, _) = nothing_in_common(&AlgorithmKind::Cipher, &[], &many, false);
        assert!(problem.len() < 1_000 && problem.ends_with('…'), "{}", problem.len());
    }
}
