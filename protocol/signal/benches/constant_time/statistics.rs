//! Welch's t-test on two classes of timings, whole and cropped.
//!
//! Interrupts and caches make the slowest measurements say nothing; cropping leaves them out at several thresholds, which
//! are the same for both classes, and the largest |t| of all counts.

/// One class, as it comes: Welford's running mean and variance.
#[derive(Clone, Copy, Default)]
struct Class {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Class {
    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
    }

    /// Variance of the mean.
    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Welch's t of the measurements up to a limit; 0 where a class has too few to say anything.
fn welch(measurements: &[(bool, u32)], limit: u32) -> f64 {
    let mut classes = [Class::default(); 2];
    for (class, nanoseconds) in measurements.iter().filter(|(_, nanoseconds)| *nanoseconds <= limit) {
        classes[usize::from(*class)].push(f64::from(*nanoseconds));
    }
    let [first, second] = classes;
    let spread = (first.variance() + second.variance()).sqrt();
    let enough = first.count >= 100.0 && second.count >= 100.0 && spread > 0.0;
    if enough { (first.mean - second.mean) / spread } else { 0.0 }
}

/// What is left after cropping, in hundredths.
const CROPS: [usize; 8] = [100, 99, 97, 95, 90, 80, 65, 50];

/// What the measurements of a subject say.
pub struct Finding {
    /// Of all measurements.
    pub whole: f64,
    /// The largest in size, cropped or not.
    pub worst: f64,
    /// The median of both classes together, of one time, in nanoseconds.
    pub median: f64,
}

/// Of at least one measurement, each of `batch` times.
pub fn find(measurements: &[(bool, u32)], batch: u32) -> Finding {
    let mut sorted: Vec<u32> = measurements.iter().map(|(_, nanoseconds)| *nanoseconds).collect();
    sorted.sort_unstable();
    let at = |hundredths: usize| sorted[(sorted.len() * hundredths / 100).saturating_sub(1)];
    let cropped = CROPS.map(|hundredths| welch(measurements, at(hundredths)));
    let worst = cropped.into_iter().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    Finding { whole: cropped[0], worst, median: f64::from(at(50)) / f64::from(batch) }
}
