//! Trees of jobs, as they are shown.

use infra_redis::engine::{Connection, FlowTree, Queue};
use serde::Serialize;

use crate::job_view::JobView;
use crate::output::harmless;

/// A job and its children.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    job: JobView,
    pub(super) children: Vec<Shown>,
}

impl Shown {
    /// Finds out which states the jobs of a tree are in.
    pub(super) async fn of(connection: &Connection, tree: FlowTree) -> anyhow::Result<Self> {
        let queue = Queue::<()>::new(connection.clone(), tree.queue.clone());
        let state = queue.state(&tree.job.id).await?;
        let mut children = Vec::new();
        for child in tree.children {
            children.push(Box::pin(Self::of(connection, child)).await?);
        }
        Ok(Self {
            job: JobView::new(tree.queue.name(), tree.job, state),
            children,
        })
    }

    pub(super) fn to_text(&self) -> String {
        let JobView {
            id, queue, name, ..
        } = &self.job;
        let state = self.job.state_or_none();
        format!("{name}  {state}  {queue} {id}")
    }
}

/// A tree with a line for each node, given the text and the children of one.
pub(super) fn drawn<T>(root: &T, look: &impl Fn(&T) -> (String, &Vec<T>)) -> String {
    let (text, children) = look(root);
    let mut lines = vec![harmless(&text)];
    draw_children(children, "", look, &mut lines);
    lines.join("\n")
}

fn draw_children<T>(
    children: &[T],
    indent: &str,
    look: &impl Fn(&T) -> (String, &Vec<T>),
    lines: &mut Vec<String>,
) {
    for (number, child) in children.iter().enumerate() {
        let is_last = number + 1 == children.len();
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let (text, grandchildren) = look(child);
        lines.push(format!("{indent}{branch}{}", harmless(&text)));
        draw_children(grandchildren, &format!("{indent}{below}"), look, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node(&'static str, Vec<Node>);

    #[test]
    fn every_child_hangs_below_its_parent() {
        let leaf = |name| Node(name, Vec::new());
        let tree = Node("a", vec![Node("b", vec![leaf("c"), leaf("d")]), leaf("e")]);
        let drawn = drawn(&tree, &|Node(name, children)| {
            ((*name).to_owned(), children)
        });
        insta::assert_snapshot!(drawn, @r"
        a
        ├─ b
        │  ├─ c
        │  └─ d
        └─ e
        ");
    }
}
