//! The processes as a mesh: stages of the model one way, and replicas of each stage the other. PyTorch's `DeviceMesh` of "pp" and "dp".

use std::sync::Arc;

use super::group::Group;

/// See the module's documentation. Ranks go through the replicas of a stage first, so that those of a machine, which send each other
/// more, are beside each other.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// Those that have the same model in stages, by stage.
    pub(crate) stages: Arc<Group>,
    /// Those that have the same stage.
    pub(crate) replicas: Group,
    /// All of them. Dropped last: it waits for processes, which end once no connection to them is left.
    pub(crate) all: Group,
}

impl Mesh {
    /// `all` processes, which are a multiple of `stages`.
    pub(crate) fn new(all: Group, stages: usize) -> Self {
        let replicas = all.size() / stages;
        let (stage, replica) = (all.rank() / replicas, all.rank() % replicas);
        Self {
            stages: Arc::new(all.some((0..stages).map(|stage| stage * replicas + replica))),
            replicas: all.some((0..replicas).map(|replica| stage * replicas + replica)),
            all,
        }
    }

    /// Whether this process owns the run.
    pub(crate) fn leads(&self) -> bool {
        self.all.rank() == 0
    }

    /// Whether this process's weights are those that are looked at and saved.
    pub(crate) fn is_kept(&self) -> bool {
        self.replicas.rank() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::together;
    use super::*;

    #[test]
    fn stages_and_replicas_find_each_other() {
        let found = together(6, |group| {
            let all = group.some(0..6);
            let mesh = Mesh::new(all, 3);
            let stages = mesh.stages.gather(&group.rank()).expect("all are there");
            let replicas = mesh.replicas.gather(&group.rank()).expect("all are there");
            let others = mesh.stages.collect(|| group.rank()).expect("all are there");
            assert_eq!(others, if mesh.stages.rank() == 0 { stages[1..].to_vec() } else { Vec::new() });
            (stages, replicas, mesh.leads(), mesh.is_kept())
        });
        for (rank, (stages, replicas, leads, is_kept)) in found.into_iter().enumerate() {
            let (stage, replica) = (rank / 2, rank % 2);
            assert_eq!(stages, [replica, 2 + replica, 4 + replica]);
            assert_eq!(replicas, [2 * stage, 2 * stage + 1]);
            assert_eq!((leads, is_kept), (rank == 0, replica == 0));
        }
    }
}
