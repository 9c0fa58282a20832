//! Every character that the server can write in an encoding, dumped in it and read.

use crate::server::{pg_dump, server};
use crate::tables::parse;

/// The characters that `encoding` has by the server's own tables, up to U+FFFF and some above.
const FILL: &str = r"
CREATE FUNCTION fits(c text, encoding text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM convert_to(c, encoding);
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RETURN false;
END
$$;
CREATE TABLE quotas (code integer, note text);
INSERT INTO quotas
    SELECT n, chr(n)
    FROM (SELECT generate_series(1, 65535) UNION ALL SELECT generate_series(65536, 1114111, 97)) AS codes (n)
    -- The server writes a euro sign in GBK as half a character, and with it whatever lies behind it in memory.
    WHERE n NOT BETWEEN 55296 AND 57343 AND fits(chr(n), 'ENCODING') AND (n <> 8364 OR 'ENCODING' <> 'GBK');
";

/// Reads every character of `encoding` in every form; `read_as` says what another is read as that is right here.
#[track_caller]
fn check(encoding: &str, least: usize, read_as: impl Fn(u32) -> Option<u32>) {
    let database = server().create_db();
    server().psql(&database, &FILL.replace("ENCODING", encoding));
    for arguments in [&["-E", encoding][..], &["-E", encoding, "--inserts"]] {
        for strings in [true, false] {
            let read = parse(&pg_dump(&database, arguments, strings));
            let rows = &read["quotas"].rows;
            assert!(rows.len() >= least, "{encoding}: {} characters", rows.len());
            for row in rows {
                let code: u32 = row[0].as_deref().unwrap().parse().unwrap();
                let character = char::from_u32(read_as(code).unwrap_or(code)).unwrap().to_string();
                assert_eq!(row[1].as_deref(), Some(&*character), "U+{code:04X} in {encoding}, {arguments:?}");
            }
        }
    }
}

fn as_it_is(_: u32) -> Option<u32> {
    None
}

#[test]
fn utf8_reads_as_the_server_writes_it() {
    check("UTF8", 74_000, as_it_is);
}

#[test]
fn gbk_reads_as_the_server_writes_it() {
    check("GBK", 21_000, as_it_is);
}

#[test]
fn gb18030_reads_as_the_server_writes_it() {
    // Twenty private-use characters of the edition of 2000 have had characters of their own since.
    let private = [0xe5e5, 0xe7c7, 0xe81e, 0xe826, 0xe82b, 0xe82c, 0xe832, 0xe843, 0xe854, 0xe864];
    let since = [0x3000, 0x1e3f, 0x9fb4, 0x9fb5, 0x9fb6, 0x9fb7, 0x9fb8, 0x9fb9, 0x9fba, 0x9fbb];
    let forms = [0xfe10, 0xfe12, 0xfe11, 0xfe13, 0xfe14, 0xfe15, 0xfe16, 0xfe17, 0xfe18, 0xfe19];
    check("GB18030", 60_000, |code| {
        let form = code.checked_sub(0xe78d).and_then(|n| forms.get(usize::try_from(n).unwrap()));
        form.or_else(|| since.get(private.iter().position(|p| *p == code)?)).copied()
    });
}

#[test]
fn big5_reads_as_the_server_writes_it() {
    check("BIG5", 13_000, as_it_is);
}

#[test]
fn latin1_reads_as_the_server_writes_it() {
    check("LATIN1", 255, as_it_is);
}
