//! Explanations of several patches: the command that is printed comes to an end.

use super::fork::Fork;

#[test]
fn the_printed_command_explains_all_patches_and_repeats_what_was_explained() {
    let fork = Fork::new();
    fork.git(&["branch", "by-hand", "mitx/koa~2"]);
    let stacks = ["verify", "--branch", "mitx/koa", "--old", "mitx/koa", "--new", "by-hand"];
    let open = |more: &[&str]| fork.run(&[&stacks[..], more].concat()).ended(10);
    let (second, third) = (fork.git(&["rev-parse", "mitx/koa~1"]), fork.git(&["rev-parse", "mitx/koa"]));
    let pair = |patch: &str, because: &str| format!("--explain {} --because {because}", &patch[..10]);
    let printed = open(&[]);
    let both = format!("{} {}\n", pair(&second, "\"...\""), pair(&third, "\"...\""));
    assert!(printed.ends_with(&both), "{printed}");
    let printed = open(&["--explain", &second[..10], "--because", "it's theirs"]);
    assert!(printed.contains(&pair(&second, r"'it'\''s theirs'")), "{printed}");
    assert!(printed.ends_with(&format!("{}\n", pair(&third, "\"...\""))), "{printed}");
}
