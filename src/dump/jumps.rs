//! The way to a node through other hosts (ProxyJump): each of them is a node of the settings, or an address.

use crate::base::toml_document::{DocumentError, Placed, Result};
use crate::dump::node::{Become, Node, is_user};
use crate::dump::ssh_config::SshConfig;
use parsers::row::shortened;
use std::path::Path;

/// The most hosts on a way: more are a circle, or a mistake.
const MOST: usize = 8;

/// A node as it stands in the settings, and what its way leads through, as it is written there.
pub(crate) struct Unrouted {
    pub(crate) node: Node,
    pub(crate) jumps: Vec<Placed<String>>,
}

/// The nodes with the hosts that lead to them.
///
/// # Errors
/// A way cannot be: an address that is none, a host with no user, a circle.
pub(crate) fn route(nodes: &[Unrouted], config: &SshConfig, path: &Path) -> Result<Vec<Node>> {
    let router = Router { nodes, config, path };
    let routed = |unrouted: &Unrouted| {
        let hops = router.way(&unrouted.node, &unrouted.jumps, 0)?;
        Ok(Node { hops, ..unrouted.node.clone() })
    };
    nodes.iter().map(routed).collect()
}

struct Router<'r> {
    nodes: &'r [Unrouted],
    config: &'r SshConfig,
    /// The settings file.
    path: &'r Path,
}

impl Router<'_> {
    /// The hosts on the way to `node`. Of several that are named the first is reached by its own way, as by OpenSSH.
    fn way(&self, node: &Node, jumps: &[Placed<String>], depth: usize) -> Result<Vec<Node>> {
        let mut hops = Vec::new();
        for (n, jump) in jumps.iter().enumerate() {
            if depth == MOST || n == MOST {
                let problem =
                    format!("the way to {} leads through more than {MOST} hosts, or in a circle", node.name);
                return Err(self.wrong(
                    jump,
                    problem,
                    "look at proxy_jump, and at ProxyJump in ~/.ssh/config",
                ));
            }
            let Unrouted { node: mut hop, jumps: before } = self.hop(node, jump)?;
            if n == 0 {
                hops.extend(self.way(&hop, &before, depth + 1)?);
            }
            hop.dumps.clear();
            hops.push(hop);
        }
        Ok(hops)
    }

    fn hop(&self, node: &Node, jump: &Placed<String>) -> Result<Unrouted> {
        if let Some(named) = self.nodes.iter().find(|known| known.node.name == jump.value) {
            return Ok(Unrouted { node: named.node.clone(), jumps: named.jumps.clone() });
        }
        let wrong = |problem: String| self.wrong(jump, problem, "write \"user@host\" or \"user@host:port\"");
        let Some(address) = Address::parse(&jump.value) else {
            return Err(wrong(format!("{:?} is no address of a host", shortened(&jump.value))));
        };
        let mut entry = self
            .config
            .of(&address.host)
            .map_err(|problem| wrong(format!("{}: {problem}", self.config.path().display())))?;
        let port = address.port.inspect(|_| entry.port = None).or(entry.port).unwrap_or(22);
        let named = address.user.inspect(|_| entry.user = None).or_else(|| entry.user.clone());
        let Some(user) = named else {
            return Err(wrong(format!("nothing says who logs in on {}", jump.value)));
        };
        let keys = if entry.keys.is_empty() { node.keys.clone() } else { entry.keys.clone() };
        let jumps = entry.jumps.iter().map(|next| Placed { value: next.clone(), line: jump.line });
        let (jumps, from_config) = (jumps.collect(), entry.described(self.config.path()));
        let hop = Node {
            name: jump.value.clone(),
            host: entry.host.unwrap_or(address.host),
            port,
            database_user: user.clone(),
            user,
            keys,
            host_keys: entry.host_keys,
            from_config,
            legacy_algorithms: false,
            becoming: Become::Nobody,
            become_command: String::new(),
            become_password: false,
            dumps: Vec::new(),
            line: jump.line,
            ..node.clone()
        };
        Ok(Unrouted { node: hop, jumps })
    }

    fn wrong(&self, jump: &Placed<String>, problem: String, remedy: &str) -> DocumentError {
        let (path, remedy) = (self.path.to_owned(), Some(remedy.to_owned()));
        DocumentError::Wrong { path, line: jump.line, problem: format!("proxy_jump: {problem}"), remedy }
    }
}

/// `[user@]host[:port]`.
struct Address {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
            // More than one colon is an address of IPv6.
            None => match rest.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (rest, None),
            },
        };
        let port = match port {
            Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
            None => None,
        };
        let fits =
            !host.is_empty() && !host.contains(['/', '@', ' ', ',', '[', ']']) && !host.starts_with('-');
        let known = user.as_deref().is_none_or(is_user);
        (fits && known).then(|| Self { user, host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::CommandError as _;
    use crate::base::toml_document::Section;
    use crate::dump::settings::NodeSettings;
    use crate::ui::environment::Environment;
    use parsers::columns::ColumnMap;

    fn nodes(config: &str, text: &str) -> std::result::Result<Vec<Node>, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/config"), config).unwrap();
        let variable = |name: &str| (name == "HOME").then(|| home.path().display().to_string());
        let environment = Environment { variable: &variable, ..Environment::of_process() };
        let mut section = Section::parse(Path::new("cutover.toml"), text).unwrap();
        let map = ColumnMap::built_in().unwrap();
        let settings = NodeSettings::take(&mut section, &map, &environment);
        settings
            .map(|settings| settings.nodes)
            .map_err(|error| format!("{error} → {}", error.remedy().unwrap_or_default()))
    }

    fn way(node: &Node) -> Vec<String> {
        node.hops.iter().map(|hop| format!("{}={}@{}:{}", hop.name, hop.user, hop.host, hop.port)).collect()
    }

    const NODE: &str = "[[node]]\nname = \"vbs1\"\nhost = \"vbs1\"\n";

    #[test]
    fn a_way_is_that_of_the_settings_or_of_the_configuration() {
        let config = "Host vbs1\n User cps\n HostName 192.0.2.5\n ProxyJump inner\n\
                      Host inner\n User ops\n Port 2022\n ProxyJump far\n\
                      Host far\n User root\n HostName 192.0.2.1\n";
        let found = nodes(config, NODE).unwrap();
        assert_eq!(way(&found[0]), ["far=root@192.0.2.1:22", "inner=ops@inner:2022"]);
        assert_eq!((found[0].host.as_str(), found[0].user.as_str()), ("192.0.2.5", "cps"));
        let told = found[0].from_config.as_deref().unwrap();
        assert!(told.ends_with("/.ssh/config: HostName 192.0.2.5, User cps, ProxyJump inner"), "{told}");
        // Of several the first is reached by its own way, the others by the one before.
        let own = format!(
            "{NODE}user = \"me\"\nport = 23\nproxy_jump = [\"x@far:29\", \"inner\", \"y@[fe80::1]:7\"]\n"
        );
        let found = nodes(config, &own).unwrap();
        let hops = ["x@far:29=x@192.0.2.1:29", "inner=ops@inner:2022", "y@[fe80::1]:7=y@fe80::1:7"];
        assert_eq!(way(&found[0]), hops);
        assert_eq!(found[0].from_config.as_deref().unwrap().matches("HostName 192.0.2.5").count(), 1);
        assert!(!found[0].from_config.as_deref().unwrap().contains("User"));
        let none = format!("{NODE}proxy_jump = []\n");
        assert!(nodes(config, &none).unwrap()[0].hops.is_empty());
        let left_out = format!("[ssh]\nssh_config = \"none\"\n{NODE}user = \"me\"\n");
        let found = nodes(config, &left_out).unwrap();
        assert_eq!((found[0].host.as_str(), found[0].from_config.as_deref()), ("vbs1", None));
    }

    #[test]
    fn a_host_on_the_way_may_be_a_node_with_settings_of_its_own() {
        let text = format!(
            "{NODE}user = \"cps\"\nproxy_jump = [\"gate\"]\n[[node]]\nname = \"gate\"\nhost = \"192.0.2.9\"\nuser = \"ops\"\n\
             login = [\"password\"]\n[[node.dump]]\ndatabase = \"dps\"\n"
        );
        let found = nodes("", &text).unwrap();
        assert_eq!(way(&found[0]), ["gate=ops@192.0.2.9:22"]);
        assert!(found[0].hops[0].dumps.is_empty() && found[1].dumps.len() == 1);
        assert_eq!(found[0].hops[0].login, [crate::dump::settings::Login::Password]);
    }

    #[test]
    fn a_way_that_cannot_be_is_said() {
        let wrong = |config: &str, jumps: &str| {
            nodes(config, &format!("{NODE}user = \"cps\"\nproxy_jump = {jumps}\n")).unwrap_err()
        };
        assert_eq!(
            wrong("", "[\"gate\"]"),
            "cutover.toml:5: proxy_jump: nothing says who logs in on gate → write \"user@host\" or \"user@host:port\""
        );
        for address in ["u@", "u@h:0", "u@h:x", "u v@h", "-x@h", "u@-oProxyCommand=x", "[::1"] {
            let error = wrong("", &format!("[\"{address}\"]"));
            assert!(error.contains("is no address of a host"), "{error}");
        }
        let circle = wrong("Host a\n User u\n ProxyJump b\nHost b\n User u\n ProxyJump a\n", "[\"a\"]");
        assert!(circle.contains("more than 8 hosts, or in a circle"), "{circle}");
    }
}
