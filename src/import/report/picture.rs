//! Pictures of a report, as SVG to stand in a page.
//!
//! Their colours are those of a light page, each standing for one thing; the page's style turns them into others where the
//! reader's screen is dark. Nothing from a dump is drawn: all texts here are numbers, months and names of stages.

use crate::base::number::grouped;
use pipeline::outcome::MonthCount;
use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use schedules::firings::WeekHours;

/// Text.
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
/// Text beside.
const QUIET: RGBColor = RGBColor(0x59, 0x63, 0x6e);
/// Lines.
const LINE: RGBColor = RGBColor(0xd0, 0xd7, 0xde);
/// What arrived.
pub(crate) const GOOD: RGBColor = RGBColor(0x1a, 0x7f, 0x64);
/// What is wrong.
pub(crate) const BAD: RGBColor = RGBColor(0xcf, 0x22, 0x2e);
/// What waits.
pub(crate) const WAIT: RGBColor = RGBColor(0xbf, 0x87, 0x00);
/// What is left out on purpose.
pub(crate) const SKIP: RGBColor = RGBColor(0x8c, 0x95, 0x9f);
/// Time.
const BLUE: RGBColor = RGBColor(0x2b, 0x7f, 0xc4);
/// Nothing, and then more and more.
const HEAT: [RGBColor; 6] = [
    RGBColor(0xee, 0xf1, 0xf4),
    RGBColor(0xcd, 0xe5, 0xf7),
    RGBColor(0x9c, 0xcb, 0xf0),
    RGBColor(0x5f, 0xa8, 0xe0),
    RGBColor(0x2b, 0x7f, 0xc4),
    RGBColor(0x0b, 0x4f, 0x8a),
];

/// The width of a picture that is half a page, or all of a phone.
const WIDTH: i32 = 440;

/// The months that are drawn one by one; longer times are drawn by years.
const MONTHS_DRAWN: usize = 36;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The library could not draw.
struct Failed;

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for Failed {
    fn from(_: DrawingAreaErrorKind<E>) -> Self {
        Self
    }
}

/// Draws into a text. Where that fails there is no picture: a report must not fail for one.
fn svg(
    (width, height): (i32, i32),
    what: &str,
    draw: impl FnOnce(&Area<'_>) -> std::result::Result<(), Failed>,
) -> String {
    let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else { return String::new() };
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Failed::from))
    };
    match drawn {
        Ok(()) => text.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{what}\" "), 1),
        Err(Failed) => String::new(),
    }
}

fn words(size: i32, colour: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(horizontal, VPos::Center))
}

fn block(
    area: &Area<'_>,
    from: (i32, i32),
    to: (i32, i32),
    colour: RGBColor,
) -> std::result::Result<(), Failed> {
    Ok(area.draw(&Rectangle::new([from, to], colour.filled()))?)
}

/// `part` of `whole`, as a length of at most `length`.
fn length_of(part: u64, whole: u64, length: i32) -> i32 {
    let length = u128::from(length.unsigned_abs());
    let of = (u128::from(part) * length).checked_div(u128::from(whole)).unwrap_or(0);
    i32::try_from(of.min(length)).unwrap_or(0)
}

/// One bar in as many parts as there are counts.
pub(crate) fn parts(counts: &[(u64, RGBColor)], what: &str) -> String {
    const SIZE: (i32, i32) = (2 * WIDTH, 26);
    let whole = counts.iter().map(|(count, _)| count).sum();
    svg(SIZE, what, |area| {
        block(area, (0, 0), SIZE, LINE)?;
        let mut counted = 0;
        for (count, colour) in counts.iter().filter(|(count, _)| *count > 0) {
            let from = length_of(counted, whole, SIZE.0);
            counted += count;
            // However few they are, they can be seen.
            let to = length_of(counted, whole, SIZE.0).max(from + 3).min(SIZE.0);
            block(area, (from.min(SIZE.0 - 3), 0), (to, SIZE.1), *colour)?;
        }
        Ok(())
    })
}

/// Copies by the month, or the year where there are many months, that their data are of.
pub(crate) fn months(months: &[MonthCount]) -> String {
    let bars = bars(months);
    let tallest = bars.iter().map(|bar| bar.good + bar.bad).max().unwrap_or(0).max(1);
    let slots = u64::try_from(bars.len()).unwrap_or(1).max(1);
    svg((WIDTH, 200), "Copies by time", |area| {
        // In tenths of a bar, so that there is room between bars.
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .x_label_area_size(20)
            .y_label_area_size(52)
            .build_cartesian_2d(0..slots * 10, 0..tallest)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_labels(4)
            .light_line_style(TRANSPARENT)
            .bold_line_style(LINE)
            .axis_style(LINE)
            .label_style(words(12, QUIET, HPos::Right))
            .y_label_formatter(&|count| grouped(*count))
            .draw()?;
        for (n, bar) in (0u64..).zip(&bars) {
            let (left, right) = (n * 10 + 1, n * 10 + 9);
            let all = bar.good + bar.bad;
            let parts = [
                Rectangle::new([(left, 0), (right, bar.good)], GOOD.filled()),
                Rectangle::new([(left, bar.good), (right, all)], BAD.filled()),
            ];
            chart.draw_series(parts)?;
        }
        // As many labels as there is room for.
        let step = bars.len().div_ceil(6).max(1);
        for (n, bar) in bars.iter().enumerate().step_by(step) {
            let middle = u64::try_from(n).unwrap_or(0) * 10 + 5;
            let (x, _) = chart.backend_coord(&(middle, 0));
            area.draw(&Text::new(bar.label.clone(), (x, 188), words(12, QUIET, HPos::Center)))?;
        }
        Ok(())
    })
}

/// One bar of copies.
struct Bar {
    label: String,
    good: u64,
    bad: u64,
}

/// The bars from the first to the last month, without gaps; years where the months are too many, and of too many years
/// the last.
fn bars(months: &[MonthCount]) -> Vec<Bar> {
    let (Some(first), Some(last)) = (months.first(), months.last()) else { return Vec::new() };
    let number = |month: &MonthCount| i64::from(month.year) * 12 + i64::from(month.month) - 1;
    let (first, last) = (number(first), number(last));
    let by_year = usize::try_from(last - first).is_ok_and(|months| months >= MONTHS_DRAWN);
    let slot = |number: i64| if by_year { number.div_euclid(12) } else { number };
    let label = |slot: i64| match by_year {
        true => slot.to_string(),
        false => format!("{}-{:02}", slot.div_euclid(12), slot.rem_euclid(12) + 1),
    };
    let drawn = i64::try_from(MONTHS_DRAWN).unwrap_or(1);
    let begin = slot(first).max(slot(last) - drawn + 1);
    let mut bars: Vec<Bar> =
        (begin..=slot(last)).map(|slot| Bar { label: label(slot), good: 0, bad: 0 }).collect();
    for month in months {
        let at = usize::try_from(slot(number(month)) - begin);
        if let Some(bar) = at.ok().and_then(|at| bars.get_mut(at)) {
            bar.good += month.good;
            bar.bad += month.bad;
        }
    }
    bars
}

/// From which count on an hour of the week has each of the colours after the first, which is for none.
pub(crate) fn heat_scale(weeks: [&WeekHours; 2]) -> [u64; HEAT.len() - 1] {
    let most = weeks.iter().flat_map(|week| week.counts()).copied().max().unwrap_or(0);
    let steps = u64::try_from(HEAT.len() - 1).unwrap_or(1);
    let mut scale = [0; HEAT.len() - 1];
    for (n, from) in (0u64..).zip(&mut scale) {
        *from = (u128::from(most) * u128::from(n) / u128::from(steps)).try_into().unwrap_or(u64::MAX);
        *from = (*from).saturating_add(1);
    }
    scale
}

/// The hours of a week, the days below each other; the darker, the more backups start.
pub(crate) fn week(week: &WeekHours, scale: &[u64; HEAT.len() - 1], what: &str) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const LEFT: i32 = 38;
    const TOP: i32 = 2;
    const ACROSS: i32 = 16;
    const DOWN: i32 = 20;
    svg((LEFT + 24 * ACROSS + 4, TOP + 7 * DOWN + 20), what, |area| {
        for (row, day) in (0i32..).zip(DAYS) {
            let middle = TOP + row * DOWN + DOWN / 2;
            area.draw(&Text::new(day, (LEFT - 6, middle), words(12, QUIET, HPos::Right)))?;
        }
        for hour in (0..24).step_by(6) {
            let at = (LEFT + hour * ACROSS, TOP + 7 * DOWN + 10);
            area.draw(&Text::new(format!("{hour:02}:00"), at, words(12, QUIET, HPos::Left)))?;
        }
        for (hour, count) in (0i32..).zip(week.counts()) {
            let heat = scale.iter().take_while(|from| *count >= **from).count();
            let colour = if *count == 0 { HEAT[0] } else { HEAT.get(heat).copied().unwrap_or(HEAT[0]) };
            let from = (LEFT + hour % 24 * ACROSS, TOP + hour / 24 * DOWN);
            block(area, from, (from.0 + ACROSS - 2, from.1 + DOWN - 2), colour)?;
        }
        Ok(())
    })
}

/// The time of each stage, with the text that says it.
pub(crate) fn stages(stages: &[(&str, f64, String)]) -> String {
    const LEFT: i32 = 84;
    const RIGHT: i32 = 64;
    const DOWN: i32 = 24;
    // Microseconds, so that there are whole numbers to compare.
    let micros = |seconds: f64| {
        u64::try_from(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_micros())
            .unwrap_or(u64::MAX)
    };
    let longest = stages.iter().map(|(_, seconds, _)| micros(*seconds)).max().unwrap_or(0);
    let rows = i32::try_from(stages.len()).unwrap_or(0);
    svg((WIDTH, rows * DOWN + 4), "Time of each stage", |area| {
        for (row, (name, seconds, said)) in (0i32..).zip(stages) {
            let top = 2 + row * DOWN;
            let middle = top + DOWN / 2;
            area.draw(&Text::new((*name).to_owned(), (LEFT - 8, middle), words(13, INK, HPos::Right)))?;
            let length = length_of(micros(*seconds), longest, WIDTH - LEFT - RIGHT).max(1);
            block(area, (LEFT, top + 4), (LEFT + length, top + DOWN - 4), BLUE)?;
            let at = (LEFT + length + 6, middle);
            area.draw(&Text::new(said.clone(), at, words(12, QUIET, HPos::Left)))?;
        }
        Ok(())
    })
}
