use crate::resources::{cpu_time, kilobytes_in, memory_now, peak_memory, ticks_in};

#[test]
fn times_are_read_behind_whatever_name_a_process_has() {
    let stat = "42 (a) R 1 (b) S 1 42 42 0 -1 4194560 12 0 0 0 170 30 9 9 20 0 3 0 100 0 0";
    assert_eq!(ticks_in(stat), Some(200));
    assert_eq!(ticks_in("42 (a) S 1 2"), None);
    assert_eq!(ticks_in(""), None);
}

#[test]
fn memory_is_counted_in_kilobytes() {
    let status = "Name:\tservice\nVmHWM:\t   10240 kB\nVmRSS:\t     512 kB\n";
    assert_eq!(kilobytes_in(status, "VmHWM:"), Some(10_240));
    assert_eq!(kilobytes_in(status, "VmRSS:"), Some(512));
    assert_eq!(kilobytes_in(status, "VmSwap:"), None);
}

#[test]
fn the_kernel_tells_of_a_process_that_runs_and_of_no_other() {
    let this = std::process::id();
    assert!(cpu_time(&[this]).is_ok());
    let (now, peak) = (memory_now(this).unwrap(), peak_memory(this).unwrap());
    assert!(now > 0 && peak > 0);
    // Above the highest id that Linux gives out.
    assert!(cpu_time(&[this, u32::MAX]).is_err());
    assert!(peak_memory(u32::MAX).is_err());
}
