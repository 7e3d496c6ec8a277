//! What processes take: time on the processors and memory, as the kernel counts them.

use std::time::Duration;

use anyhow::Context as _;

/// How the kernel counts time on the processors for programs (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: u64 = 100;

/// Time on the processors of all threads of these processes since they began.
pub(crate) fn cpu_time(pids: &[u32]) -> anyhow::Result<Duration> {
    let mut ticks = 0;
    for pid in pids {
        let stat = read(*pid, "stat")?;
        ticks += ticks_in(&stat).with_context(|| format!("process {pid} has no times"))?;
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// The sum of the fields `utime` and `stime`. The name before them may hold anything, parentheses too.
pub(crate) fn ticks_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The most memory that a process ever had resident, in bytes.
pub(crate) fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    memory(pid, "VmHWM:")
}

/// The memory that a process has resident now, in bytes.
pub(crate) fn memory_now(pid: u32) -> anyhow::Result<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> anyhow::Result<u64> {
    let status = read(pid, "status")?;
    kilobytes_in(&status, field)
        .map(|kilobytes| kilobytes * 1024)
        .with_context(|| format!("process {pid} has no {field}"))
}

/// The value of a field of `/proc/PID/status` that is counted in kB.
pub(crate) fn kilobytes_in(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The processes that a process has begun.
pub(crate) fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let text = read(pid, &format!("task/{pid}/children"))?;
    Ok(text
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect())
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).with_context(|| path)
}
