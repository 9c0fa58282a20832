//! The scripts for /bin/sh that run on nodes: plain POSIX, because nobody knows what a node has.
//!
//! No script holds a secret: their text is an argument, which every user of the node can see.

use crate::dump::settings::{Become, Dump, Node};
use std::fmt::Write as _;

/// How a script's own words are told from what programs say: by a word that no program knows.
#[derive(Clone, Debug)]
pub(crate) struct Words(String);

impl Words {
    pub(crate) fn new() -> Self {
        Self(format!("@{:016x}", fastrand::u64(..)))
    }

    /// The line that a script's word is.
    pub(crate) fn line(&self, word: &str) -> String {
        format!("{} {word}", self.0)
    }

    /// The command that says a word.
    pub(crate) fn say(&self, word: &str) -> String {
        format!("printf '%s\\n' '{}'", self.line(word))
    }

    /// The command that says a word and the value of an expression, on one line.
    fn tell(&self, word: &str, expression: &str) -> String {
        format!("printf '%s %s\\n' '{}' \"{expression}\"", self.line(word))
    }

    /// The word in a line, if it is a script's own.
    pub(crate) fn parse(&self, line: &str) -> Option<(String, String)> {
        let rest = line.strip_prefix(self.0.as_str())?.strip_prefix(' ')?;
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((word.to_owned(), rest.to_owned()))
    }
}

/// A text as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// How long a line may be that a script comes in, in bytes: a terminal takes 4095.
const LINE: usize = 1_000;

/// The command that says `ready`, takes a script from its standard input, and runs it: one line that every shell understands, csh
/// and restricted ones too, without exclamation marks and paths. The script is no argument.
pub(crate) fn receiver(words: &Words) -> String {
    let receive = "n=$(printf \"\\n_\"); n=${n%_}; s=; while IFS= read -r l; do case $l in .) break;; +*) s=$s${l#+};; =*) \
                   s=$s${l#=}$n;; esac; done; unset n l; eval \"$s\"";
    format!("sh -c 'umask 077; printf \"%s ready\\n\" {}; {receive}'", words.0)
}

/// A script in lines, as [`receiver`] takes it.
pub(crate) fn in_lines(script: &str) -> String {
    let mut text = String::new();
    for line in script.lines() {
        let mut rest = line;
        while rest.len() > LINE {
            let end = (1..=LINE).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
            let (piece, more) = rest.split_at(end);
            let _ = writeln!(text, "+{piece}");
            rest = more;
        }
        let _ = writeln!(text, "={rest}");
    }
    text.push_str(".\n");
    text
}

/// The command that runs `receiver` as another user. Nothing of it is a path or a builtin that a restricted shell refuses.
pub(crate) fn command_line(becoming: Become, user: &str, receiver: &str) -> String {
    match becoming {
        // With the user's own login environment: gs_dump is found through it.
        Become::Su => format!("su - {} -c {}", quoted(user), quoted(receiver)),
        Become::Sudo => {
            // csh takes no -l beside -c, and a shell that lets nobody in would not run it.
            let shell = format!(
                "c={}; case ${{SHELL##*/}} in *csh) exec \"$SHELL\" -c \"$c\";; \"\"|nologin|false) exec /bin/sh -c \"$c\";; *) exec \
                 \"$SHELL\" -l -c \"$c\";; esac",
                quoted(receiver)
            );
            format!("sudo -p Password: -H -u {} -- /bin/sh -c {}", quoted(user), quoted(&shell))
        }
        Become::Nobody | Become::Command => receiver.to_owned(),
    }
}

/// A command of the operator's: its output, then `end STATUS`.
pub(crate) fn run(words: &Words, command: &str) -> String {
    let end = words.tell("end", "$status");
    // The command may not have ended its last line.
    format!("/bin/sh -c {} </dev/null 2>&1\nstatus=$?\nprintf '\\n'\n{end}\n", quoted(command))
}

/// Waits for the name of a file, and writes that file from byte `at` on, the first being 0. The name stands in no argument.
/// `begins` comes before its first byte.
pub(crate) fn send(words: &Words, at: u64) -> String {
    let begins = words.say("begins");
    format!("IFS= read -r file || exit 1\nexec <\"$file\" || exit 1\n{begins}\nexec tail -c +{}\n", at + 1)
}

/// Finds what computes a SHA-256: a node without coreutils may have another.
const SUM: &str = "sum=\n\
    for one in sha256sum 'shasum -a 256' 'openssl dgst -sha256 -r' 'busybox sha256sum'; do\n\
    \x20 if [ -z \"$sum\" ] && $one </dev/null >/dev/null 2>&1; then sum=$one; fi\n\
    done\n";

/// By what a folder of etl's is known on a node: the station (this machine and folder), the node and the database.
/// Another dump with the same tag cannot be under way: the folder here is locked.
pub(crate) fn tag(station: &str, node: &Node, dump: &Dump) -> String {
    let plain = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("etl-dump.{station}.{}.{}", plain(&node.name), dump.database)
}

/// The command that an operator types to remove by hand what [`sweep`] removes.
pub(crate) fn by_hand(dump: &Dump, tag: &str) -> String {
    format!("rm -rf {}/{tag}.??????", dump.remote_folder.trim_end_matches('/'))
}

/// Removes what is left of dumps with a tag. `left PATH` says what could not be removed, `swept` that it was tried.
pub(crate) fn sweep(words: &Words, dump: &Dump, tag: &str) -> String {
    let folder = quoted(dump.remote_folder.trim_end_matches('/'));
    let left = words.tell("left", "$old");
    let swept = words.say("swept");
    format!(
        "for old in {folder}/{tag}.??????; do\n\
         \x20 if [ -d \"$old\" ] && [ ! -L \"$old\" ] && [ -O \"$old\" ]; then\n\
         \x20   rm -rf \"$old\" || {left}\n\
         \x20 fi\n\
         done\n\
         {swept}\n"
    )
}

/// Looks at the node, waits for `go`, dumps, and says where the dump lies, how large it is, and its digest.
///
/// The dump is made in a folder that only its user may enter. It is opened only when it is complete, and only to those
/// who know its name, which is 128 random bits and stands in no argument: the folder can then be entered but not listed.
/// So the user who logs in can fetch it, whoever that is, and nobody else can.
///
/// While the dump program runs, the end of the input (or any line) stops it: a connection that is cut leaves nothing.
pub(crate) fn dump(words: &Words, dump: &Dump, tag: &str) -> String {
    let mut script = String::new();
    let folder = quoted(dump.remote_folder.trim_end_matches('/'));
    let folder = if folder == "''" { "/".to_owned() } else { folder };
    if dump.database_password {
        script.push_str("IFS= read -r PGPASSWORD || exit 1\nexport PGPASSWORD\n");
    }
    // A terminal or connection that is gone must not end the script before it has cleaned up.
    script.push_str("trap '' HUP PIPE INT\ncd /\n");
    script.push_str(&sweep(words, dump, tag));
    let _ = writeln!(script, "{}", words.tell("offset", "$(TZ= ; unset TZ; date +%z 2>/dev/null)"));
    let _ = writeln!(script, "{}", words.tell("localtime", "$(readlink /etc/localtime 2>/dev/null)"));
    let _ = writeln!(script, "{}", words.tell("timezone", "$(cat /etc/timezone 2>/dev/null | head -n 1)"));
    let free = format!(
        "$(df -Pk {folder} 2>/dev/null | {{ read -r head; read -r a b c free rest; printf '%s' \"$free\"; }})"
    );
    let _ = writeln!(script, "{}", words.tell("free", &free));
    if dump.expected_size.is_none() {
        let _ = writeln!(
            script,
            "{}",
            words.tell("estimate", &format!("$({} 2>/dev/null </dev/null)", estimate(dump)))
        );
    }
    let _ = writeln!(script, "{}\nIFS= read -r go || exit 1\n[ \"$go\" = go ] || exit 1", words.say("asked"));
    let template = format!("{folder}/{tag}.XXXXXX");
    let _ = writeln!(
        script,
        "dir=$(mktemp -d {template} 2>&1) || {{ {}; exit 1; }}",
        words.tell("nofolder", "$dir")
    );
    let status = words.tell("status", "$status");
    let removed = words.say("removed");
    let kept = words.tell("left", "$dir");
    let file = words.tell("file", "$dir/$name");
    let size = words.tell("size", "$(wc -c <\"$dir/$name\" | tr -d ' ')");
    let digest = words.tell("digest", "$([ -z \"$sum\" ] || $sum <\"$dir/$name\" | cut -d ' ' -f 1)");
    script.push_str(SUM);
    let _ = write!(
        script,
        "name=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')\n\
         apart=; command -v setsid >/dev/null 2>&1 && apart=setsid\n\
         exec 3<&0\n\
         $apart {program} -f /dev/fd/4 {database} 4>\"$dir/$name\" 2>&1 >/dev/null </dev/null 3<&- &\n\
         pid=$!\n\
         group=$pid; [ -n \"$apart\" ] && group=-$pid\n\
         ( trap 'exit 0' TERM; read -r stop <&3; kill -TERM $group 2>/dev/null || kill -TERM $pid ) >/dev/null 2>&1 &\n\
         watcher=$!\n\
         unset PGPASSWORD\n\
         wait $pid\n\
         status=$?\n\
         kill -TERM $watcher 2>/dev/null\n\
         printf '\\n'\n\
         if [ $status -eq 0 ]; then\n\
         \x20 {size} && {digest} && chmod 0644 \"$dir/$name\" && chmod 0711 \"$dir\" && {file}\n\
         else\n\
         \x20 rm -rf \"$dir\"\n\
         \x20 if [ -e \"$dir\" ]; then {kept}; else {removed}; fi\n\
         fi\n\
         {status}\n",
        program = program(dump),
        database = quoted(&dump.database_name),
    );
    script
}

/// gs_dump with everything it is told but the file and the database. No `-W`: it would take the password as an argument. The
/// file is given with `-f`, because gs_dump of openGauss 6.0 and later writes its progress to standard output; and as a descriptor,
/// because its name is a secret.
fn program(dump: &Dump) -> String {
    let mut words = vec![quoted(&dump.gs_dump)];
    words.extend(dump.options.iter().map(|option| quoted(option)));
    for table in &dump.tables {
        words.push("-t".to_owned());
        words.push(quoted(table));
    }
    words.join(" ")
}

/// What asks the database how large the tables are. Only those of gs_dump's options are taken over that say where the
/// database is.
fn estimate(dump: &Dump) -> String {
    let client = match dump.gs_dump.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/gsql"),
        None => "gsql".to_owned(),
    };
    let mut words = vec![quoted(&client)];
    let mut options = dump.options.iter();
    while let Some(option) = options.next() {
        let apart = ["-h", "-p", "-U", "--host", "--port", "--username"].contains(&option.as_str());
        let together = ["-h", "-p", "-U"].iter().any(|name| option.starts_with(name) && option.len() > 2)
            || ["--host=", "--port=", "--username="].iter().any(|name| option.starts_with(name));
        if apart {
            words.push(quoted(option));
            words.extend(options.next().map(|value| quoted(value)));
        } else if together {
            words.push(quoted(option));
        }
    }
    let names: Vec<String> = dump
        .tables
        .iter()
        .map(|table| table.rsplit('.').next().unwrap_or(table))
        .map(|table| format!("'{}'", table.trim_matches('"').replace('\'', "''")))
        .collect();
    let sql = format!(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname IN ({})",
        names.join(", ")
    );
    words.extend(["-d".to_owned(), quoted(&dump.database_name), "-A".to_owned(), "-t".to_owned()]);
    words.extend(["-c".to_owned(), quoted(&sql)]);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::toml_document::Section;
    use crate::dump::settings::NodeSettings;
    use crate::ui::environment::Environment;
    use parsers::columns::ColumnMap;
    use std::path::Path;
    use std::process::Command;

    fn node(dump: &str) -> Node {
        let text = format!(
            "[[node]]\nname = \"vbs-1\"\nhost = \"h\"\nuser = \"u\"\n[[node.dump]]\ndatabase = \"dps\"\n{dump}"
        );
        let mut section = Section::parse(Path::new("cutover.toml"), &text).unwrap();
        let map = ColumnMap::built_in().unwrap();
        NodeSettings::take(&mut section, &map, &Environment::of_process()).unwrap().nodes.remove(0)
    }

    fn sh(script: &str) -> String {
        let output = Command::new("/bin/sh").args(["-c", script]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_word_of_a_shell_is_what_it_was() {
        for text in ["plain", "two words", "it's", "$(id) `id` \"x\" \\ * ;", "two\nlines", ""] {
            assert_eq!(sh(&format!("printf %s {}", quoted(text))), text);
            // As deep as su and a login shell make it.
            let inner = format!("printf %s {}", quoted(text));
            assert_eq!(sh(&format!("/bin/sh -c {}", quoted(&inner))), text);
        }
    }

    /// Runs a command line in a shell, with a script on its standard input as it comes from a connection.
    fn received(shell: &str, line: &str, script: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        std::fs::write(&input, in_lines(script) + "more\n").unwrap();
        let input = std::fs::File::open(input).unwrap();
        let output = Command::new(shell).args(["-c", line]).stdin(input).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_script_comes_through_the_standard_input_whatever_is_in_it() {
        let words = Words::new();
        let long = "é".repeat(5_000);
        let script = format!(
            "printf '%s\\n' 'it'\\''s \"$x\" `y` ! \\ *' \\\n  '+'\nIFS= read -r next\nprintf '%s\\n' \"$next\"\n: '{long}'\n\
             printf '%s' '{long}' | wc -c\n"
        );
        assert!(in_lines(&script).lines().all(|line| line.len() <= LINE + 1));
        let expected = format!("{}\nit's \"$x\" `y` ! \\ *\n+\nmore\n10000\n", words.line("ready"));
        for shell in ["sh", "bash"] {
            assert_eq!(received(shell, &receiver(&words), &script), expected);
        }
        let line = receiver(&words);
        assert!(!line.contains(['\n', '!', '/']) && line.matches('\'').count() == 2, "{line}");
        assert!(!line.contains(&words.line("ready")), "an echo of it would be taken for its answer: {line}");
    }

    #[test]
    fn another_user_is_become_by_the_operator_s_choice() {
        let words = Words::new();
        let receiver = receiver(&words);
        assert_eq!(command_line(Become::Nobody, "gaussdba", &receiver), receiver);
        let su = command_line(Become::Su, "gaussdba", "sh -c 'id'");
        assert_eq!(su, format!("su - 'gaussdba' -c {}", quoted("sh -c 'id'")));
        let sudo = command_line(Become::Sudo, "gaussdba", &receiver);
        let become_user = "sudo -p Password: -H -u 'gaussdba' --";
        assert!(sudo.starts_with(become_user), "{sudo}");
        // What sudo runs, run by nobody in particular, whatever that user's shell is.
        for shell in ["/bin/sh", "/bin/bash", "/usr/sbin/nologin", ""] {
            let line = sudo.replacen(become_user, &format!("SHELL={shell}"), 1);
            assert_eq!(received("sh", &line, "echo in"), format!("{}\nin\n", words.line("ready")), "{shell}");
        }
    }

    #[test]
    fn a_script_s_own_words_are_told_from_what_programs_say() {
        let words = Words::new();
        let said = sh(&format!("{}\nvalue='a  b'\n{}", words.say("ready"), words.tell("file", "$value")));
        let found: Vec<_> = said.lines().filter_map(|line| words.parse(line)).collect();
        let pair = |word: &str, rest: &str| (word.to_owned(), rest.to_owned());
        assert_eq!(found, [pair("ready", ""), pair("file", "a  b")]);
        assert_eq!(words.parse("@ready"), None);
        assert_eq!(Words::new().parse(&words.line("ready")), None);
    }

    #[test]
    fn a_command_s_output_and_status_come_back() {
        let words = Words::new();
        let said = sh(&run(&words, "echo out; echo err >&2; cat; exit 7"));
        assert_eq!(said, format!("out\nerr\n\n{} 7\n", words.line("end")));
        let said = sh(&run(&words, "printf 'no line end'"));
        assert_eq!(said, format!("no line end\n{} 0\n", words.line("end")));
        // What is no shell at all is a status as well.
        assert!(sh(&run(&words, "if 2>/dev/null")).ends_with(&format!("{} 2\n", words.line("end"))));
    }

    #[test]
    fn a_file_is_written_from_a_byte_on_and_its_name_is_no_argument() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it's a file");
        std::fs::write(&file, "0123456789\n").unwrap();
        let words = Words::new();
        for (at, expected) in [(0, "0123456789\n"), (1, "123456789\n"), (10, "\n"), (11, "")] {
            let name = quoted(&file.display().to_string());
            let script = quoted(&send(&words, at));
            let said = sh(&format!("printf '%s\\n' {name} | /bin/sh -c {script}"));
            assert_eq!(said, format!("{}\n{expected}", words.line("begins")), "{at}");
        }
    }

    #[test]
    fn only_folders_with_the_tag_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&format!("remote_folder = \"{}/\"\n", folder.path().display()));
        let dump = &node.dumps[0];
        let tag = tag("0123456789", &node, dump);
        assert_eq!(tag, "etl-dump.0123456789.vbs_1.dps");
        let (own, foreign) = (format!("{tag}.aaaaaa"), "etl-dump.9876543210.vbs_1.dps.aaaaaa");
        for name in [own.as_str(), foreign, "etl-dump"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join(&own).join("dump"), "rows").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(format!("{tag}.bbbbbb"))).unwrap();
        let words = Words::new();
        assert_eq!(sh(&sweep(&words, dump, &tag)), format!("{}\n", words.line("swept")));
        assert!(!folder.path().join(&own).exists());
        assert!(folder.path().join(foreign).exists() && elsewhere.path().exists());
        assert_eq!(by_hand(dump, &tag), format!("rm -rf {}/{tag}.??????", folder.path().display()));
    }

    #[test]
    fn the_database_is_asked_where_gs_dump_would_look() {
        let node = node(
            "gs_dump = \"/opt/bin/gs_dump\"\noptions = [\"-h\", \"db\", \"-p5432\", \"--no-owner\", \"--username=u\"]\ntables = [\"dps.\\\"Timer\\\"\", \"o'x\"]\n",
        );
        assert_eq!(
            estimate(&node.dumps[0]),
            "'/opt/bin/gsql' '-h' 'db' '-p5432' '--username=u' -d 'dps' -A -t -c \
             'SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = '\\''r'\\'' AND relname IN \
             ('\\''Timer'\\'', '\\''o'\\'''\\''x'\\'')'"
        );
        assert_eq!(
            program(&node.dumps[0]),
            "'/opt/bin/gs_dump' '-h' 'db' '-p5432' '--no-owner' '--username=u' -t 'dps.\"Timer\"' -t 'o'\\''x'"
        );
    }
}
