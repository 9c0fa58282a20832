//! Bulk blocks, read again and transformed in parallel, handed on in the order in which they stand.

use crate::compare::Digester;
use crate::error::{Error, Result};
use crate::extract::sources::Bulk;
use crate::karbor::layout::Layout;
use crate::karbor::tuple::Rows;
use crate::options::Options;
use crate::outcome::{Outcome, Rejection};
use crate::row_outcomes::{Decided, NOTE_COST, Noting};
use crate::transform::cinder::Backups;
use crate::transform::dps::Items;
use crate::transform::items::{Converted, CopyContext, RejectedRow, Transform};
use crate::transform::rejections::{SetAside, rule_of};
use crossbeam_channel::{Receiver, Sender, bounded};
use parsers::error::ErrorKind;
use parsers::input::Input;
use parsers::models::{cinder, dps};
use parsers::position::{Origin, Position};
use parsers::row::RowFault;
use parsers::scan::scanner::Scanner;
use parsers::scan::{Block, Chunk, Cut};
use parsers::table::Table;
use parsers::value::Timestamp;
use rayon::{Scope, ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What all chunks in flight may take together, whatever the number of threads.
pub const BUDGET_BYTES: usize = 32 << 20;

/// A chunk and what becomes of it: its rows, and Karbor's rows, which are up to three times as long.
const COST_FACTOR: usize = 4;

/// What a row costs beside its bytes, however short it is: a rejected one is held with what is wrong with it.
const ROW_COST: usize = 100;

/// One transformed chunk.
pub(crate) struct Ready {
    /// The block it is of.
    pub(crate) block: Arc<Block>,
    /// Where its rows begin.
    pub(crate) position: Position,
    /// What became of them.
    pub(crate) converted: Converted,
    /// Their digests.
    pub(crate) digested: Digested,
}

/// Which digests are made of a chunk's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digests<'d> {
    /// None.
    None,
    /// Those of their keys.
    Keys(&'d Digester),
    /// Those of their keys and of the rows, whose bytes are dropped then.
    Rows(&'d Digester),
}

/// The digests of a chunk's rows, in order.
#[derive(Debug, Default)]
pub(crate) struct Digested {
    /// The keys, in the order of [`crate::compare::KnownBy::ALL`].
    pub(crate) keys: [Vec<u128>; 4],
    /// Those that became Karbor rows, as far as that was asked for.
    pub(crate) rows: Vec<u128>,
    /// When the newest row was last changed, whatever became of it.
    pub(crate) newest: Option<Timestamp>,
}

impl Digests<'_> {
    fn of(self, layout: &Layout, table: Table, converted: &mut Converted) -> Digested {
        let mut digested = Digested { newest: converted.newest, ..Digested::default() };
        let (Self::Keys(digester) | Self::Rows(digester)) = self else { return digested };
        let [rows, waiting, skipped, apart] = &mut digested.keys;
        rows.reserve(converted.lines.len());
        if matches!(self, Self::Rows(_)) {
            digested.rows.reserve(converted.lines.len());
        }
        for row in Rows::new(layout, &converted.bytes) {
            rows.push(digester.key(row, 0).0);
            if matches!(self, Self::Rows(_)) {
                digested.rows.push(digester.row(row, 0));
            }
        }
        waiting.extend(converted.waiting.iter().map(|(id, _)| digester.key_of_copy(id)));
        skipped.extend(converted.skipped.iter().map(|(id, _)| digester.key_of_copy(id)));
        apart.extend(converted.apart.iter().map(|(id, _)| digester.key_in(table, id)));
        if matches!(self, Self::Rows(_)) {
            converted.bytes = Vec::new();
        }
        digested
    }
}

/// A pool of so many threads.
pub(crate) fn pool(threads: usize) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .thread_name(|n| format!("transform-{n}"))
        .build();
    pool.map_err(|error| no_thread(&error))
}

pub(super) fn no_thread(error: &dyn std::fmt::Display) -> Error {
    let remedy = "try fewer threads (--threads), or allow this user more processes (ulimit -u)";
    Error::target(format!("no thread can be made: {error}"), remedy)
}

/// Reads `blocks` again, transforms their chunks on `pool`, and gives them to `take` in order.
pub(crate) fn stream(
    pool: &ThreadPool,
    inputs: &mut [Input],
    blocks: &[Bulk],
    (context, digests): (&CopyContext<'_>, Digests<'_>),
    options: &Options,
    take: &mut dyn FnMut(&mut Ready) -> Result<()>,
) -> Result<()> {
    if blocks.is_empty() {
        return Ok(());
    }
    let buffers = pool.current_num_threads() * 2 + 2;
    let (free_sender, free) = bounded(buffers);
    let (done, ready) = bounded(buffers);
    for _ in 0..buffers {
        // There is room for each of them.
        let _ = free_sender.send(Chunk::default());
    }
    let budget = Budget::default();
    std::thread::scope(|threads| {
        let budget = &budget;
        let read = move || {
            let reader = Reader { blocks, context, digests, options, free, done, budget };
            pool.in_place_scope(|scope| reader.read(scope, inputs))
        };
        let reading = std::thread::Builder::new().name("reader".to_owned()).spawn_scoped(threads, read);
        let reading = reading.map_err(|error| no_thread(&error))?;
        let taken = in_order(&ready, &free_sender, budget, take);
        // Whoever still reads or transforms stops at the next channel.
        drop((ready, free_sender));
        budget.close();
        let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(read)
    })
}

/// A transformed chunk on its way: its number, its buffer and its cost.
struct Done {
    number: u64,
    ready: Ready,
    buffer: Chunk,
    cost: usize,
}

/// Restores the order of the chunks.
fn in_order(
    done: &Receiver<Done>,
    free: &Sender<Chunk>,
    budget: &Budget,
    take: &mut dyn FnMut(&mut Ready) -> Result<()>,
) -> Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for one in done {
        waiting.insert(one.number, one);
        while let Some(mut one) = waiting.remove(&next) {
            next += 1;
            take(&mut one.ready)?;
            budget.give_back(one.cost);
            let _ = free.send(one.buffer);
        }
    }
    Ok(())
}

struct Reader<'r> {
    blocks: &'r [Bulk],
    context: &'r CopyContext<'r>,
    digests: Digests<'r>,
    options: &'r Options,
    free: Receiver<Chunk>,
    done: Sender<Done>,
    budget: &'r Budget,
}

impl<'r> Reader<'r> {
    fn read(self, scope: &Scope<'r>, inputs: &mut [Input]) -> Result<()> {
        let mut number = 0;
        // The buffer that found a block's end goes on to the next block: none may be lost, however many blocks there are.
        let mut spare = None;
        for bulk in self.blocks {
            let Some(input) = inputs.get_mut(usize::from(bulk.block.dump.0)) else { continue };
            let name = input.name().to_owned();
            let mut scanner =
                Scanner::resume(input, Arc::clone(&bulk.block), &self.options.columns, self.options.limits)?;
            let at = scanner.place_at(bulk.block.statement);
            let transform = self.transform(&bulk.block, &at)?;
            let mut rows = 0;
            loop {
                let mut buffer = match spare.take() {
                    Some(buffer) => buffer,
                    // An error here is the taker's, who has left.
                    None => match self.free.recv() {
                        Ok(buffer) => buffer,
                        Err(_) => return Ok(()),
                    },
                };
                match scanner.chunk(&mut buffer)? {
                    Cut::End => {
                        spare = Some(buffer);
                        break;
                    }
                    Cut::TooLong(origin) => {
                        rows += 1;
                        self.hand_on(number, 0, buffer, self.too_long(&bulk.block, origin));
                    }
                    Cut::Rows => {
                        rows += buffer.rows;
                        let row_cost = match self.context.noting {
                            Noting::File { .. } => ROW_COST + NOTE_COST,
                            Noting::Nothing | Noting::About(_) => ROW_COST,
                        };
                        let of_rows =
                            usize::try_from(buffer.rows).unwrap_or(BUDGET_BYTES).saturating_mul(row_cost);
                        let cost = (buffer.bytes.len() * COST_FACTOR).saturating_add(of_rows);
                        if !self.budget.take(cost) {
                            return Ok(());
                        }
                        self.spawn(scope, number, cost, buffer, bulk, Arc::clone(&transform));
                    }
                }
                number += 1;
            }
            if rows != bulk.rows {
                let what = format!("{} rows of {} at first, then {rows}", bulk.rows, bulk.block.table);
                return Err(parsers::error::Error::from(ErrorKind::Changed { dump: name, what }).into());
            }
            if scanner.digest() != bulk.digest {
                let what = format!("the bytes of {} are not those that were read at first", bulk.block.table);
                return Err(parsers::error::Error::from(ErrorKind::Changed { dump: name, what }).into());
            }
        }
        Ok(())
    }

    fn transform(&self, block: &Block, at: &parsers::position::Place) -> Result<Arc<dyn Transform + Send>> {
        let binding = self.options.columns.bind(block.table, &block.columns, block.oids, at)?;
        Ok(match block.table {
            Table::BackupTransactionItem => Arc::new(Items { columns: dps::ItemColumns::bind(&binding) }),
            _ => Arc::new(Backups { columns: cinder::Columns::bind(&binding) }),
        })
    }

    fn spawn(
        &self,
        scope: &Scope<'r>,
        number: u64,
        cost: usize,
        buffer: Chunk,
        bulk: &Bulk,
        transform: Arc<dyn Transform + Send>,
    ) {
        let (context, digests) = (self.context, self.digests);
        let (done, block) = (self.done.clone(), Arc::clone(&bulk.block));
        scope.spawn(move |_| {
            let mut converted = Converted::of_chunk(context);
            converted.bytes.reserve(buffer.bytes.len() * (COST_FACTOR - 1));
            transform.chunk(&block, &buffer, context, &mut converted);
            converted.tally.read = buffer.rows;
            let digested = digests.of(context.layout, block.table, &mut converted);
            let ready = Ready { block, position: buffer.position, converted, digested };
            // There is room for every buffer; an error is the taker's, who has left.
            let _ = done.send(Done { number, ready, buffer, cost });
        });
    }

    fn hand_on(&self, number: u64, cost: usize, buffer: Chunk, ready: Ready) {
        let _ = self.done.send(Done { number, ready, buffer, cost });
    }

    fn too_long(&self, block: &Arc<Block>, origin: Origin) -> Ready {
        let fault = RowFault::TooLong { limit: block.row_limit };
        let rejection = Rejection::of_row(self.context.names.place(origin), block.table, &fault);
        let mut converted = Converted::of_chunk(self.context);
        let decided = Decided { rule: Some(rule_of(&rejection)), ..Decided::from(Outcome::Rejected) };
        converted.notes.note(block.table, "", &self.context.names.place(origin), &decided, &[]);
        let rejection = Some(Box::new(rejection));
        let aside = Some(Box::new(SetAside { table: block.table, origin, digest: None }));
        converted.tally.read = 1;
        converted.tally.count(Outcome::Rejected);
        converted.rejections.push(RejectedRow { rejection, raw: None, aside, keyless: true });
        Ready {
            block: Arc::clone(block),
            position: origin.position,
            converted,
            digested: Digested::default(),
        }
    }
}

/// What the chunks in flight may still take.
struct Budget {
    left: Mutex<Option<usize>>,
    freed: Condvar,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: Mutex::new(Some(BUDGET_BYTES)), freed: Condvar::new() }
    }
}

impl Budget {
    /// Waits until there is room; `false` when nobody will make any. One chunk above the whole budget goes alone.
    fn take(&self, cost: usize) -> bool {
        let cost = cost.min(BUDGET_BYTES);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |left: &mut Option<usize>| left.is_some_and(|left| left < cost);
        let mut left = self.freed.wait_while(left, fits).unwrap_or_else(PoisonError::into_inner);
        match left.as_mut() {
            Some(left) => {
                *left -= cost;
                true
            }
            None => false,
        }
    }

    fn give_back(&self, cost: usize) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = left.as_mut() {
            *left += cost.min(BUDGET_BYTES);
        }
        self.freed.notify_one();
    }

    fn close(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.freed.notify_all();
    }
}
