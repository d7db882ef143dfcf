//! Every public item of the engine has docs with an example, and says when it fails.
//!
//! An item is public if `engine.rs` exports it by name, from whichever module below it. The lint
//! `missing_docs` demands the docs themselves, also those of fields and variants, which need no
//! example of their own. Impls of traits have the docs of the trait.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use syn::{
    Attribute, Expr, Ident, ImplItem, Item, ItemImpl, Lit, Meta, ReturnType, Signature, TraitItem,
    Type, UseTree, Visibility,
};

#[test]
fn every_public_item_of_the_engine_has_an_example_and_names_its_errors() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine.rs");
    let items = syn::parse_file(&fs::read_to_string(&file).unwrap())
        .unwrap()
        .items;
    let seen = Seen::of(&items, &file.with_extension(""));
    assert_eq!(
        seen.defined, seen.exported,
        "what is exported is defined in the engine, by this name"
    );
    assert_eq!(
        seen.wrong, [""; 0],
        "CONTRIBUTING.md says what is asked for"
    );
}

/// What was met on the way through the modules.
#[derive(Default)]
struct Seen {
    /// What is exported, by name.
    exported: BTreeSet<String>,
    /// Of these, what is defined.
    defined: BTreeSet<String>,
    /// What is wrong, a line each.
    wrong: Vec<String>,
}

impl Seen {
    fn of(items: &[Item], folder: &Path) -> Self {
        let mut seen = Self {
            exported: exports(items),
            ..Self::default()
        };
        walk(items, folder, &mut seen);
        seen
    }

    fn demand(&mut self, is_met: bool, item: &str, what: &str) {
        if !is_met {
            self.wrong.push(format!("{item} has no {what}"));
        }
    }

    fn demand_example(&mut self, attributes: &[Attribute], item: &str) {
        self.demand(has_example(&docs(attributes)), item, "example");
    }

    fn check_function(&mut self, attributes: &[Attribute], signature: &Signature, owner: &str) {
        let name = format!("{owner}{}", signature.ident);
        self.demand_example(attributes, &name);
        let names_errors = docs(attributes)
            .lines()
            .any(|line| line.trim() == "# Errors");
        self.demand(
            !returns_result(signature) || names_errors,
            &name,
            "section `# Errors`",
        );
    }

    /// Whether a definition is the one that is exported by this name.
    fn is_exported(&mut self, vis: &Visibility, name: &Ident) -> bool {
        let name = name.to_string();
        let is_exported = is_public(vis) && self.exported.contains(&name);
        if is_exported {
            let is_new = self.defined.insert(name.clone());
            assert!(
                is_new,
                "there are two of `{name}`, and no telling which is meant"
            );
        }
        is_exported
    }

    fn check(&mut self, item: &Item) {
        match item {
            Item::Fn(item) if self.is_exported(&item.vis, &item.sig.ident) => {
                self.check_function(&item.attrs, &item.sig, "");
            }
            Item::Struct(item) if self.is_exported(&item.vis, &item.ident) => {
                self.demand_example(&item.attrs, &item.ident.to_string());
            }
            Item::Enum(item) if self.is_exported(&item.vis, &item.ident) => {
                self.demand_example(&item.attrs, &item.ident.to_string());
            }
            Item::Trait(item) if self.is_exported(&item.vis, &item.ident) => {
                let name = item.ident.to_string();
                self.demand_example(&item.attrs, &name);
                for item in &item.items {
                    if let TraitItem::Fn(function) = item {
                        self.check_function(&function.attrs, &function.sig, &format!("{name}::"));
                    }
                }
            }
            Item::Impl(block) => self.check_impl(block),
            _ => {}
        }
    }

    fn check_impl(&mut self, block: &ItemImpl) {
        let Type::Path(path) = &*block.self_ty else {
            return;
        };
        let name = path.path.segments.last().unwrap().ident.to_string();
        if block.trait_.is_some() || !self.exported.contains(&name) {
            return;
        }
        for item in &block.items {
            match item {
                ImplItem::Fn(function) if is_public(&function.vis) => {
                    self.check_function(&function.attrs, &function.sig, &format!("{name}::"));
                }
                ImplItem::Const(item) if is_public(&item.vis) => {
                    self.demand_example(&item.attrs, &format!("{name}::{}", item.ident));
                }
                _ => {}
            }
        }
    }
}

/// Checks these items and those of the modules in `folder` that they name.
fn walk(items: &[Item], folder: &Path, seen: &mut Seen) {
    for item in items {
        match item {
            Item::Mod(module) if module.attrs.iter().any(is_cfg) => {}
            Item::Mod(module) => {
                let folder = folder.join(module.ident.to_string());
                let source = fs::read_to_string(folder.with_extension("rs")).unwrap();
                walk(&syn::parse_file(&source).unwrap().items, &folder, seen);
            }
            _ => seen.check(item),
        }
    }
}

/// The names that `pub use` makes public.
fn exports(items: &[Item]) -> BTreeSet<String> {
    fn names(tree: &UseTree, found: &mut BTreeSet<String>) {
        match tree {
            UseTree::Path(path) => names(&path.tree, found),
            UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, found)),
            UseTree::Name(name) => drop(found.insert(name.ident.to_string())),
            _ => panic!("name what is exported, as what it is"),
        }
    }
    let mut found = BTreeSet::new();
    for item in items {
        match item {
            Item::Use(item) if is_public(&item.vis) => names(&item.tree, &mut found),
            Item::Mod(module) => assert!(
                !is_public(&module.vis) || module.attrs.iter().any(is_hidden),
                "export items, not modules"
            ),
            _ => {}
        }
    }
    found
}

/// What is hidden is there for tests alone, such as those of the fuzzer.
fn is_hidden(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
        && attribute
            .parse_args::<Ident>()
            .is_ok_and(|argument| argument == "hidden")
}

/// Modules under such a condition are those of tests.
fn is_cfg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn docs(attributes: &[Attribute]) -> String {
    let text = |attribute: &Attribute| {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(literal) = &pair.value
            && let Lit::Str(text) = &literal.lit
        {
            return Some(text.value() + "\n");
        }
        None
    };
    attributes.iter().filter_map(text).collect()
}

/// Whether one of the code blocks is compiled.
fn has_example(docs: &str) -> bool {
    let fences = docs
        .lines()
        .filter_map(|line| line.trim().strip_prefix("```"));
    // Every other fence ends a block.
    fences
        .step_by(2)
        .any(|language| ["", "no_run"].contains(&language))
}

fn returns_result(signature: &Signature) -> bool {
    let ReturnType::Type(_, output) = &signature.output else {
        return false;
    };
    matches!(&**output, Type::Path(path) if path.path.segments.last().unwrap().ident == "Result")
}

#[test]
fn what_is_missing_is_named() {
    let source = r"
        pub use inner::{Shown, listed};
        /// ```
        /// ```
        pub struct Shown;
        pub struct Hidden;
        impl Shown {
            /// ```text
            /// ```
            pub fn read(&self) -> Result<u8, ()> { Err(()) }
            /// # Errors
            ///
            /// ```no_run
            /// ```
            pub fn good(&self) -> Result<u8, ()> { Err(()) }
            pub(crate) fn inside(&self) {}
        }
        impl Clone for Shown { fn clone(&self) -> Self { Self } }
        pub fn listed() {}
    ";
    let items = syn::parse_file(source).unwrap().items;
    let seen = Seen::of(&items, Path::new(""));
    let expected = [
        "Shown::read has no example",
        "Shown::read has no section `# Errors`",
        "listed has no example",
    ];
    assert_eq!(seen.wrong, expected);
}
