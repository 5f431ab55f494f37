//! One series in memory: finished chunks, the open one, and what came late.

use mainstay_series::{Labels, Sample, Samples, Window};

use crate::chunk::{self, Chunk, MAX_SAMPLES, XorAppender};
use crate::error::Rejection;
use crate::read::{Part, Parts, Piece, Source};

/// Of the head's chunks; late samples are above, blocks below.
const RANK: u32 = u32::MAX - 1;

/// Samples that came after a newer one of their series.
#[derive(Debug, Default)]
pub(crate) struct Late {
    /// Ascending, each time once.
    samples: Vec<Sample>,
    /// Those that are being written into a block now; they still answer.
    writing: Vec<Sample>,
}

/// A series.
#[derive(Debug)]
pub(crate) struct MemSeries {
    pub(crate) id: u64,
    pub(crate) labels: Labels,
    /// In order, not overlapping, none across the end of a block.
    pub(crate) closed: Vec<Chunk>,
    open: Option<XorAppender>,
    /// The newest sample that came in order; it stays known when its chunk has gone to a block.
    newest: Option<Sample>,
    late: Option<Box<Late>>,
}

/// What bounds a sample must keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// In order only from here on.
    pub(crate) in_order_from: i64,
    /// Late only from here on; `None`: never.
    pub(crate) late_from: Option<i64>,
    pub(crate) block_ms: i64,
}

/// Where a sample goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    InOrder,
    Late,
    /// It is there already, with the same value.
    Known,
}

impl MemSeries {
    pub(crate) fn new(id: u64, labels: Labels) -> Self {
        Self {
            id,
            labels,
            closed: Vec::new(),
            open: None,
            newest: None,
            late: None,
        }
    }

    /// Where a sample would go, as Prometheus decides it (`memSeries.appendable`), except that a
    /// late one is compared with every sample that is there.
    pub(crate) fn place(&self, sample: Sample, bounds: &Bounds) -> Result<Place, Rejection> {
        let time_ms = sample.time_ms;
        if time_ms >= bounds.in_order_from {
            match self.newest {
                None => return Ok(Place::InOrder),
                Some(newest) if time_ms > newest.time_ms => return Ok(Place::InOrder),
                Some(newest) if time_ms == newest.time_ms => return same(newest, sample),
                Some(_) => {}
            }
        }
        match bounds.late_from {
            Some(from) if time_ms >= from => match self.find(time_ms) {
                Some(there) => same(there, sample),
                None => Ok(Place::Late),
            },
            Some(_) => Err(Rejection::TooOld),
            None if time_ms < bounds.in_order_from => Err(Rejection::OutOfBounds),
            None => Err(Rejection::OutOfOrder),
        }
    }

    /// The sample at a time, if memory has it.
    fn find(&self, time_ms: i64) -> Option<Sample> {
        for samples in self
            .late()
            .map(|late| [&late.samples, &late.writing])
            .into_iter()
            .flatten()
        {
            if let Ok(place) = samples.binary_search_by_key(&time_ms, |s| s.time_ms) {
                return Some(samples[place]);
            }
        }
        let window = Window {
            start_ms: time_ms,
            end_ms: time_ms,
        };
        let mut found = Samples::default();
        let open = self.open_chunk(window);
        let closed = self.closed.iter().filter(|c| c.window().contains(time_ms));
        for chunk in closed.chain(open.iter()) {
            // What we encoded ourselves decodes.
            let _ = chunk::decode(&chunk.bytes, window, &mut found);
        }
        found.iter().next()
    }

    /// Reads what an append will write to, and nothing of sense: so that the memory of many series is
    /// under way at once.
    pub(crate) fn touch(&self) -> u8 {
        self.open.as_ref().map_or(0, XorAppender::touch)
    }

    fn late(&self) -> Option<&Late> {
        self.late.as_deref()
    }

    pub(crate) fn has_late(&self) -> bool {
        self.late.is_some()
    }

    /// Puts a sample where [`Self::place`] said. Returns how many chunks were begun.
    pub(crate) fn put(&mut self, sample: Sample, place: Place, bounds: &Bounds) -> usize {
        match place {
            Place::Known => 0,
            Place::Late => {
                let samples = &mut self.late.get_or_insert_default().samples;
                let at = samples.partition_point(|s| s.time_ms < sample.time_ms);
                samples.insert(at, sample);
                0
            }
            Place::InOrder => {
                self.newest = Some(sample);
                self.append(sample, bounds.block_ms)
            }
        }
    }

    fn append(&mut self, sample: Sample, block_ms: i64) -> usize {
        if let Some(open) = &mut self.open {
            let block = |time_ms: i64| time_ms.div_euclid(block_ms);
            if open.count() < MAX_SAMPLES && block(open.first_ms()) == block(sample.time_ms) {
                open.append(sample);
                return 0;
            }
        }
        self.close();
        self.open = Some(XorAppender::new(sample));
        1
    }

    /// Finishes the open chunk.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            if self.closed.len() == self.closed.capacity() {
                self.closed.reserve_exact(4);
            }
            self.closed.push(open.finish());
        }
    }

    fn open_chunk(&self, window: Window) -> Option<Chunk> {
        let open = self.open.as_ref()?;
        open.window().overlaps(window).then(|| open.snapshot())
    }

    /// Appends a copy of the open chunk if it has an instant of a window.
    pub(crate) fn copy_open(&self, window: Window, into: &mut Vec<u8>) {
        if let Some(open) = &self.open
            && open.window().overlaps(window)
        {
            open.copy_to(into);
        }
    }

    /// The chunks in order that share an instant with a window, the open one as it is now.
    pub(crate) fn chunks(&self, window: Window) -> Vec<Chunk> {
        let closed = self.closed.iter().filter(|c| c.window().overlaps(window));
        let mut chunks: Vec<_> = closed.cloned().collect();
        chunks.extend(self.open_chunk(window));
        chunks
    }

    /// What there is of a window, for a read: by the beginning of the spans. `open` is what
    /// [`Self::copy_open`] copied.
    pub(crate) fn parts(&self, window: Window, open: Piece) -> Parts {
        let part = |chunk: Chunk| Part {
            span: chunk.window(),
            rank: RANK,
            source: Source::Chunk(chunk),
        };
        let closed = self.closed.iter().filter(|c| c.window().overlaps(window));
        let late = self.late_samples(window);
        let capacity = closed.clone().count() + usize::from(!open.is_empty());
        let mut parts = Parts::with_capacity(capacity + usize::from(!late.is_empty()));
        parts.extend(closed.cloned().map(part));
        let open = self
            .open
            .as_ref()
            .filter(|_| !open.is_empty())
            .map(|o| (o, open));
        parts.extend(open.map(|(appender, piece)| Part {
            span: appender.window(),
            rank: RANK,
            source: Source::Copied(piece),
        }));
        if let (Some(first), Some(last)) = (late.first(), late.last()) {
            parts.push(Part {
                span: Window {
                    start_ms: first.time_ms,
                    end_ms: last.time_ms,
                },
                rank: RANK + 1,
                source: Source::Late(late),
            });
            parts.sort_by_key(|part| part.span.start_ms);
        }
        parts
    }

    /// The spans of [`Self::chunks`], without the chunks.
    pub(crate) fn chunk_spans(&self, window: Window) -> impl Iterator<Item = Window> {
        let open = self.open.as_ref().map(XorAppender::window);
        let closed = self.closed.iter().map(Chunk::window);
        closed.chain(open).filter(move |span| span.overlaps(window))
    }

    /// What came late, of a window, ascending.
    pub(crate) fn late_samples(&self, window: Window) -> Vec<Sample> {
        let Some(late) = self.late() else {
            return Vec::new();
        };
        let both = late.writing.iter().chain(&late.samples);
        let mut all: Vec<_> = both
            .filter(|s| window.contains(s.time_ms))
            .copied()
            .collect();
        all.sort_by_key(|s| s.time_ms);
        all
    }

    /// Late samples before a time are set apart for a block that is being written.
    pub(crate) fn begin_cut(&mut self, before_ms: i64) {
        if let Some(late) = &mut self.late {
            let end = late.samples.partition_point(|s| s.time_ms < before_ms);
            late.writing.extend(late.samples.drain(..end));
            late.writing.sort_by_key(|s| s.time_ms);
        }
    }

    /// The times that [`Self::begin_cut`] set apart.
    pub(crate) fn cut_times(&self) -> impl Iterator<Item = i64> {
        let late = self.late().into_iter();
        late.flat_map(|late| late.writing.iter().map(|s| s.time_ms))
    }

    /// What goes into a block `[start, end)`: chunks in order, and the late samples set apart.
    pub(crate) fn for_block(&self, start_ms: i64, end_ms: i64) -> (Vec<Chunk>, Vec<Sample>) {
        let window = Window {
            start_ms,
            end_ms: end_ms - 1,
        };
        let late = self.late().map(|late| late.writing.as_slice());
        let late = late.unwrap_or_default().iter();
        let late = late.filter(|s| window.contains(s.time_ms)).copied();
        (self.chunks(window), late.collect())
    }

    /// The block failed: what was set apart comes again.
    pub(crate) fn abort_cut(&mut self) {
        if let Some(late) = &mut self.late {
            let writing = std::mem::take(&mut late.writing);
            late.samples.extend(writing);
            late.samples.sort_by_key(|s| s.time_ms);
        }
    }

    /// Forgets what a block has now. Returns how many chunks went.
    pub(crate) fn end_cut(&mut self, before_ms: i64) -> usize {
        let before = self.chunk_count();
        self.closed.retain(|chunk| chunk.max_ms >= before_ms);
        self.closed.shrink_to_fit();
        let open_is_old = |open: &XorAppender| open.last().time_ms < before_ms;
        if self.open.as_ref().is_some_and(open_is_old) {
            self.open = None;
        }
        if let Some(late) = &mut self.late {
            late.writing = Vec::new();
            if late.samples.is_empty() {
                self.late = None;
            }
        }
        before - self.chunk_count()
    }

    /// Takes away the samples of a window; the newest stays known, so that order stays what it was.
    pub(crate) fn delete(&mut self, window: Window, block_ms: i64) {
        self.close();
        let mut kept = Vec::with_capacity(self.closed.len());
        for chunk in self.closed.drain(..) {
            if !chunk.window().overlaps(window) {
                kept.push(chunk);
                continue;
            }
            let mut samples = Samples::default();
            let _ = chunk::decode(&chunk.bytes, Window::ALL, &mut samples);
            let left = samples.iter().filter(|s| !window.contains(s.time_ms));
            kept.extend(chunk::encode(left, block_ms));
        }
        self.closed = kept;
        if let Some(late) = &mut self.late {
            late.samples.retain(|s| !window.contains(s.time_ms));
            late.writing.retain(|s| !window.contains(s.time_ms));
        }
    }

    pub(crate) fn chunk_count(&self) -> usize {
        self.closed.len() + usize::from(self.open.is_some())
    }

    /// How many samples memory has of it.
    pub(crate) fn sample_count(&self) -> u64 {
        let closed: usize = self.closed.iter().map(|c| chunk::count(&c.bytes)).sum();
        let open = self.open.as_ref().map_or(0, XorAppender::count);
        let late = self
            .late()
            .map_or(0, |late| late.samples.len() + late.writing.len());
        (closed + open + late) as u64
    }

    /// Whether memory has nothing of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.open.is_none() && self.late.is_none()
    }

    /// The first and last instant memory has of it.
    pub(crate) fn span(&self) -> Option<Window> {
        let first = self.closed.first().map(|c| c.min_ms);
        let first = first.or(self.open.as_ref().map(XorAppender::first_ms));
        let last = self.open.as_ref().map(|open| open.last().time_ms);
        let last = last.or(self.closed.last().map(|c| c.max_ms));
        let late = self.late_samples(Window::ALL);
        let start_ms = first
            .into_iter()
            .chain(late.first().map(|s| s.time_ms))
            .min()?;
        let end_ms = last
            .into_iter()
            .chain(late.last().map(|s| s.time_ms))
            .max()?;
        Some(Window { start_ms, end_ms })
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let closed: usize = self.closed.iter().map(|c| c.bytes.len() + 16).sum();
        let open = self.open.as_ref().map_or(0, |open| open.capacity() + 16);
        let late = self
            .late()
            .map_or(0, |late| 16 * (late.samples.len() + late.writing.len()));
        size_of::<Self>()
            + self.labels.as_bytes().len()
            + 16
            + closed
            + open
            + late
            + self.closed.capacity() * size_of::<Chunk>()
    }
}

fn same(there: Sample, new: Sample) -> Result<Place, Rejection> {
    if there.value.to_bits() == new.value.to_bits() {
        Ok(Place::Known)
    } else {
        Err(Rejection::DuplicateTimestamp)
    }
}
