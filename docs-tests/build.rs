//! Lists the pages whose Rust code the doctests of this crate compile: README.md and everything in docs/. The functions of
//! docs/recipes become modules as well, which `tests/recipes.rs` calls.

use std::fs;
use std::io::Result;
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.join("docs").display());
    println!("cargo::rerun-if-changed={}", root.join("README.md").display());

    let mut pages = vec![root.join("README.md")];
    collect(&root.join("docs"), &mut pages)?;
    pages.sort();

    let mut code = String::new();
    for page in &pages {
        // A module for each page, so that a failing block names its page.
        let name: String = page
            .strip_prefix(&root)
            .unwrap_or(page)
            .with_extension("")
            .to_string_lossy()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        code += &format!("#[doc = include_str!({:?})]\nmod {name} {{}}\n", page.display().to_string());
    }
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("pages.rs"), code)?;
    let recipes = pages.iter().filter(|page| page.starts_with(root.join("docs/recipes")));
    fs::write(out.join("recipes.rs"), recipes.map(|page| modules(page)).collect::<Result<String>>()?)
}

/// A module for each Rust block of `page` that is not a program: `counters_1`. Its items and fields are public.
fn modules(page: &Path) -> Result<String> {
    let name = page.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
    let text = fs::read_to_string(page)?;
    let blocks = text.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut code = String::new();
    for (number, block) in blocks.filter(|block| !block.contains("fn main")).enumerate() {
        code += &format!("#[allow(dead_code)]\nmod {name}_{} {{\n", number + 1);
        let mut in_struct = false;
        for line in block.lines() {
            let is_item = ["fn ", "async fn ", "struct ", "const "].iter().any(|item| line.starts_with(item));
            let is_field = in_struct && line.starts_with("    ");
            in_struct = line.starts_with("struct ") || (in_struct && line != "}");
            let line = if is_item { format!("pub {line}") } else { line.to_owned() };
            code += &if is_field { format!("    pub {}\n", line.trim_start()) } else { line + "\n" };
        }
        code += "}\n";
    }
    Ok(code)
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}
