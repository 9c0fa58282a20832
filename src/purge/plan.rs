//! The order of deletion: a copy goes after those that continue it, the longest chains first.

use super::Kind;

/// Something that is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: Box<str>,
    /// Its project, as a number in [`Plan::projects`].
    pub project: usize,
    /// The copy in the plan that this one continues.
    pub parent: Option<usize>,
    /// Whether it is being deleted already.
    pub deleting: bool,
    /// How often an earlier purge tried that did not see the end of it; 0 where none did.
    pub tries: u32,
}

/// All that is to be deleted.
#[derive(Debug, Default)]
pub struct Plan {
    /// The objects.
    pub objects: Vec<Object>,
    /// The projects, by the number that objects have; an empty text where the project is not known.
    pub projects: Vec<String>,
    /// How many objects continue each one.
    pub children: Vec<usize>,
    /// How many objects each one continues, over all steps: what still waits for it.
    pub above: Vec<usize>,
}

impl Plan {
    /// Puts objects in order. Where parents go round in a circle, which only damaged data does, Cinder may decide.
    #[must_use]
    pub fn new(mut objects: Vec<Object>, projects: Vec<String>) -> Self {
        let mut order = from_the_leaves(&objects);
        let mut ordered = vec![false; objects.len()];
        order.iter().for_each(|index| ordered[*index] = true);
        for (index, object) in objects.iter_mut().enumerate() {
            if !ordered[index] {
                object.parent = None;
                order.push(index);
            }
        }
        let mut children = vec![0; objects.len()];
        for parent in objects.iter().filter_map(|object| object.parent) {
            children[parent] += 1;
        }
        let mut above = vec![0; objects.len()];
        for index in order.into_iter().rev() {
            if let Some(parent) = objects[index].parent {
                above[index] = above[parent] + 1;
            }
        }
        Self { objects, projects, children, above }
    }

    /// The name of an object's project; an empty text where it is not known.
    #[must_use]
    pub fn project(&self, object: &Object) -> &str {
        self.projects.get(object.project).map_or("", String::as_str)
    }

    /// How many there are of each kind.
    #[must_use]
    pub fn count(&self) -> super::Count {
        let mut count = super::Count::default();
        self.objects.iter().for_each(|object| count.add(object.kind));
        count
    }
}

/// All objects that are on no circle and depend on none, each after those that continue it.
fn from_the_leaves(objects: &[Object]) -> Vec<usize> {
    let mut children = vec![0_usize; objects.len()];
    for parent in objects.iter().filter_map(|object| object.parent) {
        children[parent] += 1;
    }
    let mut order: Vec<usize> = (0..objects.len()).filter(|index| children[*index] == 0).collect();
    let mut next = 0;
    while let Some(index) = order.get(next) {
        if let Some(parent) = objects[*index].parent {
            children[parent] -= 1;
            if children[parent] == 0 {
                order.push(parent);
            }
        }
        next += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(parents: &[Option<usize>]) -> Plan {
        let object = |parent: &Option<usize>| Object { parent: *parent, ..Object::default() };
        Plan::new(parents.iter().map(object).collect(), Vec::new())
    }

    #[test]
    fn children_and_ancestors_are_counted() {
        // 0 <- 1 <- 2, 1 <- 3, and 4 alone.
        let plan = plan(&[None, Some(0), Some(1), Some(1), None]);
        assert_eq!(plan.children, [1, 2, 0, 0, 0]);
        assert_eq!(plan.above, [0, 1, 2, 2, 0]);
    }

    #[test]
    fn a_circle_is_no_order() {
        // 0 -> 1 -> 0, with 2 hanging on it; 3 is its own parent.
        let plan = plan(&[Some(1), Some(0), Some(0), Some(3)]);
        let parents: Vec<Option<usize>> = plan.objects.iter().map(|object| object.parent).collect();
        assert_eq!(parents, [None, None, Some(0), None]);
        assert_eq!((plan.children, plan.above), (vec![1, 0, 0, 0], vec![0, 0, 1, 0]));
    }
}
