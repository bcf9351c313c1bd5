//! Moving a caret over laid-out text.
//!
//! A caret is a byte position plus the side it clings to: where directions meet, or where a line wraps, one byte position has two places
//! on the screen. Left and right are what is left and right on the screen; between lines the line's own direction decides. Internally
//! a place is a line and a gap between two of its clusters, so a line break can be stepped over but not stood upon.
//!
//! Not its concern: what a word is (`edit`), which keys do this (`editor`).

use egui::{Pos2, Rect, pos2};

use super::laid::{Cluster, Laid, Line};

/// A position in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caret {
    /// Byte offset in the text.
    pub at: usize,
    /// Drawn after the cluster that ends here rather than before the one that starts here.
    pub after_previous: bool,
}

impl Caret {
    /// Before the cluster that starts at `at`.
    #[must_use]
    pub fn before(at: usize) -> Self {
        Self { at, after_previous: false }
    }

    /// After the cluster that ends at `at`.
    #[must_use]
    pub fn after(at: usize) -> Self {
        Self { at, after_previous: true }
    }
}

/// A move of the caret that depends on the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One line down, keeping the given x.
    Down,
    /// One cluster to the left.
    Left,
    /// To the end of the line.
    LineEnd,
    /// To the start of the line.
    LineStart,
    /// One cluster to the right.
    Right,
    /// One line up, keeping the given x.
    Up,
}

/// A line and a gap in it: gap `n` is to the left of the line's cluster `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    gap: usize,
}

impl Laid {
    /// Where a caret is drawn: a rectangle without width, relative to the block.
    #[must_use]
    pub fn caret_rect(&self, caret: Caret) -> Rect {
        let place = self.place(caret);
        let Some(line) = self.lines.get(place.line) else { return Rect::ZERO };
        let x = self.x(line, place.gap);
        Rect::from_min_max(pos2(x, line.y), pos2(x, line.y + line.height))
    }

    /// The caret nearest to a point relative to the block.
    #[must_use]
    pub fn hit(&self, point: Pos2) -> Caret {
        let below = self.lines.iter().position(|line| point.y < line.y + line.height);
        let index = below.unwrap_or(self.lines.len().saturating_sub(1));
        self.hit_line(index, point.x)
    }

    /// Moves a caret; at the edge of the text it stays. `goal_x` is used by [`Motion::Up`] and [`Motion::Down`].
    #[must_use]
    pub fn step(&self, caret: Caret, motion: Motion, goal_x: f32) -> Caret {
        let place = self.place(caret);
        let Some(line) = self.lines.get(place.line) else { return caret };
        match motion {
            Motion::Left => self.sideways(place, false).unwrap_or(caret),
            Motion::Right => self.sideways(place, true).unwrap_or(caret),
            Motion::LineStart => Caret::before(line.bytes.start),
            Motion::LineEnd => self.line_end(line),
            Motion::Up => match place.line.checked_sub(1) {
                Some(above) => self.hit_line(above, goal_x),
                None => Caret::before(0),
            },
            Motion::Down if place.line + 1 < self.lines.len() => self.hit_line(place.line + 1, goal_x),
            Motion::Down => self.line_end(line),
        }
    }

    /// The direction of the line the caret stands on.
    #[must_use]
    pub fn is_rtl_at(&self, caret: Caret) -> bool {
        self.lines.get(self.place(caret).line).is_some_and(|line| line.direction.is_rtl())
    }

    fn line_end(&self, line: &Line) -> Caret {
        if line.bytes.is_empty() { Caret::before(line.bytes.end) } else { Caret::after(line.bytes.end) }
    }

    fn hit_line(&self, index: usize, x: f32) -> Caret {
        let Some(line) = self.lines.get(index) else { return Caret::default() };
        let visible = || self.clusters_of(line).iter().filter(|cluster| cluster.is_visible());
        let Some(cluster) = visible().find(|cluster| x < cluster.x1).or_else(|| visible().next_back()) else {
            return Caret::before(line.bytes.start);
        };
        if x < (cluster.x0 + cluster.x1) / 2.0 { left_of(cluster) } else { right_of(cluster) }
    }

    fn line_of(&self, caret: Caret) -> usize {
        let index = self.lines.partition_point(|line| line.bytes.start <= caret.at).saturating_sub(1);
        let starts_here = self.lines.get(index).is_some_and(|line| line.bytes.start == caret.at);
        if caret.after_previous && starts_here && index > 0 {
            let wrapped = self.lines.get(index - 1).is_some_and(|line| !line.hard);
            return index - usize::from(wrapped);
        }
        index
    }

    fn place(&self, caret: Caret) -> Place {
        let index = self.line_of(caret);
        let gap = self.lines.get(index).map_or(0, |line| {
            let clusters = self.clusters_of(line);
            let ends = clusters.iter().position(|cluster| cluster.bytes.end == caret.at);
            let starts = clusters.iter().position(|cluster| cluster.bytes.start == caret.at);
            let holds = || clusters.iter().position(|cluster| cluster.bytes.contains(&caret.at));
            let after = |index: usize| if is_rtl(clusters, index) { index } else { index + 1 };
            let before = |index: usize| if is_rtl(clusters, index) { index + 1 } else { index };
            if caret.after_previous {
                ends.map(after).or_else(|| starts.map(before))
            } else {
                starts.map(before).or_else(|| ends.map(after))
            }
            .or_else(|| holds().map(before))
            .unwrap_or_else(|| end_gap(line, clusters))
        });
        Place { line: index, gap }
    }

    fn x(&self, line: &Line, gap: usize) -> f32 {
        let clusters = self.clusters_of(line);
        match (clusters.get(gap), clusters.last()) {
            (Some(cluster), _) => cluster.x0,
            (None, Some(last)) => last.x1,
            (None, None) => line.x_empty,
        }
    }

    /// One visible cluster to the side; over the edge of a line to the line before or after. `None` at the edge of the text.
    fn sideways(&self, from: Place, right: bool) -> Option<Caret> {
        let mut place = from;
        // Each turn either passes a cluster or leaves a line, so this bound is never reached.
        for _ in 0..=self.clusters.len() + self.lines.len() {
            let line = self.lines.get(place.line)?;
            let clusters = self.clusters_of(line);
            let passed = if right {
                clusters.get(place.gap)
            } else {
                place.gap.checked_sub(1).and_then(|gap| clusters.get(gap))
            };
            let Some(cluster) = passed else {
                place = self.across(place.line, right)?;
                let line = self.lines.get(place.line)?;
                if self.is_wrapped_end(line, place.gap) {
                    continue;
                }
                return Some(self.caret_at(line, place.gap));
            };
            place.gap = if right { place.gap + 1 } else { place.gap - 1 };
            if !cluster.is_visible() || self.is_wrapped_end(line, place.gap) {
                continue;
            }
            return Some(if right { right_of(cluster) } else { left_of(cluster) });
        }
        None
    }

    /// The gap reached by leaving a line sideways.
    fn across(&self, line: usize, right: bool) -> Option<Place> {
        let forward = right != self.lines.get(line)?.direction.is_rtl();
        let target = if forward { line + 1 } else { line.checked_sub(1)? };
        let entered = self.lines.get(target)?;
        let clusters = self.clusters_of(entered);
        let gap = if forward { start_gap(entered, clusters) } else { end_gap(entered, clusters) };
        Some(Place { line: target, gap })
    }

    /// The edge at which a wrapped line continues: the same text position as the start of the next line, which is preferred.
    fn is_wrapped_end(&self, line: &Line, gap: usize) -> bool {
        let clusters = self.clusters_of(line);
        !line.hard && gap == end_gap(line, clusters) && self.caret_at(line, gap).at == line.bytes.end
    }

    fn caret_at(&self, line: &Line, gap: usize) -> Caret {
        let clusters = self.clusters_of(line);
        match (clusters.get(gap), gap.checked_sub(1).and_then(|gap| clusters.get(gap))) {
            (_, Some(left)) if gap == clusters.len() => right_of(left),
            (Some(right), _) => left_of(right),
            (None, Some(left)) => right_of(left),
            (None, None) => Caret::before(line.bytes.start),
        }
    }
}

fn is_rtl(clusters: &[Cluster], index: usize) -> bool {
    clusters.get(index).is_some_and(|cluster| cluster.rtl)
}

fn start_gap(line: &Line, clusters: &[Cluster]) -> usize {
    if line.direction.is_rtl() { clusters.len() } else { 0 }
}

fn end_gap(line: &Line, clusters: &[Cluster]) -> usize {
    if line.direction.is_rtl() { 0 } else { clusters.len() }
}

fn left_of(cluster: &Cluster) -> Caret {
    if cluster.rtl { Caret::after(cluster.bytes.end) } else { Caret::before(cluster.bytes.start) }
}

fn right_of(cluster: &Cluster) -> Caret {
    if cluster.rtl { Caret::before(cluster.bytes.start) } else { Caret::after(cluster.bytes.end) }
}
