//! Folders as the kernel shows them, and what is told of them.

use super::*;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join("sys/fs/cgroup").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn told(root: &Path) -> Vec<String> {
    let web = Watched {
        group: "/docker/ab".to_owned(),
        name: "web".to_owned(),
        image: "shop:1".to_owned(),
        started: Some(5.0),
        ..Watched::default()
    };
    let gone = Watched {
        group: "/docker/cd".to_owned(),
        ..Watched::default()
    };
    let text = collect(root, &[web, gone], 7.0).text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.replace(r#"id="/docker/ab",image="shop:1",name="web""#, "…"))
        .collect()
}

/// What both versions tell of the same container.
const SAME: [&str; 20] = [
    "container_cpu_cfs_periods_total{…} 10",
    "container_cpu_cfs_throttled_periods_total{…} 4",
    "container_cpu_cfs_throttled_seconds_total{…} 0.5",
    "container_cpu_system_seconds_total{…} 0.5",
    r#"container_cpu_usage_seconds_total{cpu="total",…} 1.5"#,
    "container_cpu_user_seconds_total{…} 1",
    r#"container_fs_reads_bytes_total{device="8:0",…} 4096"#,
    r#"container_fs_writes_bytes_total{device="8:0",…} 8192"#,
    "container_last_seen{…} 7",
    "container_memory_cache{…} 300",
    "container_memory_failcnt{…} 2",
    "container_memory_rss{…} 600",
    "container_memory_usage_bytes{…} 1000",
    "container_memory_working_set_bytes{…} 900",
    "container_processes{…} 2",
    "container_spec_cpu_period{…} 100000",
    "container_spec_cpu_quota{…} 50000",
    "container_spec_memory_limit_bytes{…} 0",
    "container_start_time_seconds{…} 5",
    "container_threads{…} 3",
];

fn has_all(told: &[String]) {
    for line in SAME {
        assert!(
            told.iter().any(|other| other == line),
            "{line} in {told:#?}"
        );
    }
    assert!(
        told.iter().all(|line| line.contains('…')),
        "nothing of a group that is gone"
    );
}

#[test]
fn version_2_is_told() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("cgroup.controllers", "cpu memory\n"),
            (
                "docker/ab/cpu.stat",
                "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 500000\n",
            ),
            ("docker/ab/cpu.max", "50000 100000\n"),
            ("docker/ab/memory.current", "1000\n"),
            ("docker/ab/memory.max", "max\n"),
            ("docker/ab/memory.events", "low 0\nmax 2\noom 0\n"),
            (
                "docker/ab/memory.stat",
                "anon 600\nfile 300\nfile_mapped 10\ninactive_file 100\n",
            ),
            ("docker/ab/cgroup.procs", "1\n2\n"),
            ("docker/ab/pids.current", "3\n"),
            ("docker/ab/pids.max", "max\n"),
            (
                "docker/ab/io.stat",
                "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2\n",
            ),
        ],
    );
    has_all(&told(root.path()));
}

#[test]
fn version_1_is_told() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("cpuacct/docker/ab/cpuacct.usage", "1500000000\n"),
            ("cpuacct/docker/ab/cpuacct.stat", "user 100\nsystem 50\n"),
            (
                "cpu/docker/ab/cpu.stat",
                "nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\n",
            ),
            ("cpu/docker/ab/cpu.cfs_quota_us", "50000\n"),
            ("cpu/docker/ab/cpu.cfs_period_us", "100000\n"),
            ("memory/docker/ab/memory.usage_in_bytes", "1000\n"),
            (
                "memory/docker/ab/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("memory/docker/ab/memory.failcnt", "2\n"),
            (
                "memory/docker/ab/memory.stat",
                "total_cache 300\ntotal_rss 600\ntotal_inactive_file 100\n",
            ),
            ("memory/docker/ab/cgroup.procs", "1\n2\n"),
            ("pids/docker/ab/pids.current", "3\n"),
            (
                "blkio/docker/ab/blkio.throttle.io_service_bytes",
                "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n",
            ),
        ],
    );
    has_all(&told(root.path()));
}

#[test]
fn a_process_says_which_group_and_networks_are_its_own() {
    let older = "12:cpu,cpuacct:/docker/ab\n5:memory:/docker/cd\n0::/system.slice\n";
    assert_eq!(group_of(older), Some("/docker/cd"));
    assert_eq!(
        group_of("0::/system.slice/docker-ab.scope\n"),
        Some("/system.slice/docker-ab.scope")
    );
    for elsewhere in ["0::/\n", "0::/../../docker/ab\n", "", "0:"] {
        assert_eq!(group_of(elsewhere), None, "{elsewhere}");
    }
    let text = "Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0:100 2 0 0 0 0 0 0 300 4 0 0 0 0 0 0\n";
    assert_eq!(
        networks(text),
        [("eth0".to_owned(), [100.0, 2.0, 300.0, 4.0])]
    );
    let usage = Usage {
        networks: networks(text),
        ..Usage::default()
    };
    let text = page(&[(Watched::default(), usage)], 1.0).text();
    assert!(
        text.contains("container_network_transmit_bytes_total"),
        "{text}"
    );
    assert!(text.contains(r#"interface="eth0""#), "{text}");
}
