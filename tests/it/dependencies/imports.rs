//! Who imports whom: the layers of the command point downwards, and no crate has a circle of modules.
//!
//! The imports are read from the sources, code of tests excepted: `use` declarations and qualified paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// A module by the names that lead to it; the crate's root has none.
type Module = Vec<String>;

/// The layers of `src`, as ARCHITECTURE.md has them: each may import those below it.
const LAYERS: [&str; 10] =
    ["cli", "cutover", "dump", "purge", "maintain", "import", "session", "settings", "ui", "base"];

/// The crates of the workspace, and those of them that each may depend on.
const CRATES: [(&str, &[&str]); 5] = [
    (".", &["etl-connect", "etl-parsers", "etl-pipeline", "etl-schedules"]),
    ("pipeline", &["etl-connect", "etl-parsers", "etl-schedules"]),
    ("pipeline/connect", &[]),
    ("pipeline/schedules", &[]),
    ("parsers", &[]),
];

/// What a crate knows nothing of, and the dependencies by which it would.
const UNKNOWN: [(&str, &[&str]); 4] = [
    ("parsers", &["clap", "crossbeam-channel", "indicatif", "rayon", "rusqlite", "tokio", "tokio-postgres"]),
    ("pipeline", &["clap", "indicatif", "russh", "reqwest", "rpassword"]),
    ("pipeline/connect", &["clap", "indicatif", "rusqlite"]),
    ("pipeline/schedules", &["clap", "rusqlite", "tokio", "tokio-postgres"]),
];

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The sources of a crate by module; those that only tests have are left out.
fn sources(folder: &Path) -> BTreeMap<Module, syn::File> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(Module::new(), folder.join("lib.rs"))];
    while let Some((module, path)) = waiting.pop() {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for item in &file.items {
            let Item::Mod(ItemMod { content: None, ident, attrs, .. }) = item else { continue };
            if is_test(attrs) {
                continue;
            }
            let mut child = module.clone();
            child.push(ident.to_string());
            let base = folder.join(child.iter().collect::<PathBuf>());
            let flat = base.with_extension("rs");
            waiting.push((child, if flat.exists() { flat } else { base.join("mod.rs") }));
        }
        found.insert(module, file);
    }
    found
}

/// Gathers what one file imports.
struct Imports<'m> {
    module: &'m Module,
    modules: &'m BTreeSet<Module>,
    found: BTreeSet<Module>,
}

impl Imports<'_> {
    /// Takes a path as it is written in this module; paths into other crates are none of ours.
    fn take(&mut self, written: &[String]) {
        let mut path = match written.first().map(String::as_str) {
            Some("crate") => written[1..].to_vec(),
            Some("self") => [self.module.clone(), written[1..].to_vec()].concat(),
            Some("super") => {
                let levels = written.iter().take_while(|part| *part == "super").count();
                let above = self.module.len().saturating_sub(levels);
                [self.module[..above].to_vec(), written[levels..].to_vec()].concat()
            }
            Some(_) => {
                let child = [self.module.clone(), written.to_vec()].concat();
                if !self.modules.contains(&child[..=self.module.len()]) {
                    return;
                }
                child
            }
            None => return,
        };
        while !self.modules.contains(&path) {
            if path.pop().is_none() {
                return;
            }
        }
        if path != *self.module {
            self.found.insert(path);
        }
    }

    fn take_tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.take_tree(before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_tree(before, tree)),
            UseTree::Name(name) if name.ident == "self" => self.take(before),
            UseTree::Name(name) => self.take_leaf(before, name.ident.to_string()),
            UseTree::Rename(rename) => self.take_leaf(before, rename.ident.to_string()),
            UseTree::Glob(_) => self.take(before),
        }
    }

    fn take_leaf(&mut self, before: &[String], name: String) {
        self.take(&[before.to_vec(), vec![name]].concat());
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `use ::name` is another crate, whatever modules there are.
        if item.leading_colon.is_none() {
            self.take_tree(&mut Vec::new(), &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none()
            && ["crate", "self", "super"].contains(&written[0].as_str())
            && written.len() > 1
        {
            self.take(&written);
        }
        visit::visit_path(self, path);
    }
}

/// What each module of a crate imports from the same crate.
fn imports(folder: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let sources = sources(folder);
    let modules: BTreeSet<Module> = sources.keys().cloned().collect();
    let of = |(module, file): (&Module, &syn::File)| {
        let mut imports = Imports { module, modules: &modules, found: BTreeSet::new() };
        imports.visit_file(file);
        (module.clone(), imports.found)
    };
    sources.iter().map(of).collect()
}

/// Modules that import each other in a circle: what is left once those are taken away that import nothing that is left, and
/// those that nothing that is left imports.
fn circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<&Module> {
    let mut left: BTreeSet<&Module> = imports.keys().collect();
    loop {
        let imported: BTreeSet<&Module> = left.iter().flat_map(|module| &imports[*module]).collect();
        let inner: BTreeSet<&Module> = left
            .iter()
            .copied()
            .filter(|module| {
                imported.contains(module) && imports[*module].iter().any(|one| left.contains(one))
            })
            .collect();
        if inner.len() == left.len() {
            return left;
        }
        left = inner;
    }
}

fn named(module: &Module) -> String {
    if module.is_empty() { "the crate's root".to_owned() } else { module.join("::") }
}

#[test]
fn no_crate_has_a_circle_of_modules() {
    for (krate, _) in CRATES {
        let imports = imports(&root(krate).join("src"));
        assert!(imports.len() > 5, "{krate}: {} modules", imports.len());
        let circles = circles(&imports);
        let shown: Vec<String> = circles
            .iter()
            .flat_map(|from| imports[*from].iter().filter(|to| circles.contains(to)).map(|to| (*from, to)))
            .map(|(from, to)| format!("{} imports {}", named(from), named(to)))
            .collect();
        assert!(shown.is_empty(), "{krate}:\n{}", shown.join("\n"));
    }
}

#[test]
fn the_layers_of_the_command_import_downwards() {
    let imports = imports(&root("src"));
    let layer = |module: &Module| {
        let first = module.first().expect("only the root has no name");
        LAYERS.iter().position(|layer| layer == first).unwrap_or_else(|| panic!("{first} is in no layer"))
    };
    for (from, all) in imports.iter().filter(|(from, _)| !from.is_empty()) {
        for to in all.iter().filter(|to| !to.is_empty()) {
            assert!(layer(from) <= layer(to), "{} imports {}", named(from), named(to));
        }
    }
}

#[test]
fn crates_depend_downwards_and_know_nothing_above_them() {
    let dependencies = |krate: &str| -> Vec<String> {
        let text = std::fs::read_to_string(root(krate).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
    };
    for (krate, allowed) in CRATES {
        for dependency in dependencies(krate).iter().filter(|name| name.starts_with("etl-")) {
            assert!(allowed.contains(&dependency.as_str()), "{krate} depends on {dependency}");
        }
    }
    for (krate, unknown) in UNKNOWN {
        for dependency in dependencies(krate) {
            assert!(!unknown.contains(&dependency.as_str()), "{krate} depends on {dependency}");
        }
    }
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let graph = |edges: &[(&str, &[&str])]| -> BTreeMap<Module, BTreeSet<Module>> {
        edges.iter().map(|(from, to)| (module(from), to.iter().map(|to| module(to)).collect())).collect()
    };
    let sound = graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
    assert!(circles(&sound).is_empty());
    let circle = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["a"])]);
    assert_eq!(circles(&circle), BTreeSet::from([&module("b"), &module("c")]));
}
