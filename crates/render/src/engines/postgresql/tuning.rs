//! How much of what, by the machine's size.

use crate::engines::place;
use crate::project::{Machine, Project};
use mainstay_stack::Service;

const MIB: u64 = 1 << 20;
/// Below this much memory a connection costs too much of it.
const SMALL: u64 = 2 << 30;

/// In MiB where nothing else is said.
struct Tuning {
    connections: u64,
    shared_buffers: u64,
    effective_cache_size: u64,
    work_mem_kib: u64,
    maintenance_work_mem: u64,
    max_wal_size: u64,
    min_wal_size: u64,
    workers: u32,
    parallel: u32,
}

fn tuning(machine: Machine) -> Tuning {
    let memory = (machine.memory.0 / MIB).max(256);
    let connections = if machine.memory.0 < SMALL { 100 } else { 200 };
    let shared_buffers = (memory / 4).min(16 * 1024);
    // A query sorts in several places at once: three are counted for each connection.
    let work_mem_kib = (memory - shared_buffers) * 1024 / (connections * 3);
    let max_wal_size = (memory / 2).clamp(1024, 8 * 1024);
    Tuning {
        connections,
        shared_buffers,
        effective_cache_size: memory * 3 / 4,
        work_mem_kib: work_mem_kib.clamp(2 * 1024, 64 * 1024),
        maintenance_work_mem: (memory / 16).clamp(32, 2 * 1024),
        max_wal_size,
        min_wal_size: max_wal_size / 4,
        workers: machine.cpus.max(8),
        parallel: (machine.cpus / 2).clamp(1, 4),
    }
}

pub(super) fn text(project: &Project, service: &Service) -> String {
    let machine = place::machine(project, service);
    let sized = place::sized_by(project, service);
    let cpus = machine.cpus;
    let Tuning {
        connections,
        shared_buffers,
        effective_cache_size,
        work_mem_kib,
        maintenance_work_mem,
        max_wal_size,
        min_wal_size,
        workers,
        parallel,
    } = tuning(machine);
    let port = place::port(service).unwrap_or(5432);
    let slots = SLOTS;
    format!(
        "# {sized}
# Start with it: `postgres -c config_file=/etc/postgresql/postgresql.conf -c hba_file=/etc/postgresql/pg_hba.conf`.

# Who may connect stands in pg_hba.conf.
listen_addresses = '*'
port = {port}
max_connections = {connections}
superuser_reserved_connections = 3
password_encryption = 'scram-sha-256'

# Memory: a quarter for its own cache; the system's cache counts as well.
shared_buffers = {shared_buffers}MB
effective_cache_size = {effective_cache_size}MB
work_mem = {work_mem_kib}kB
maintenance_work_mem = {maintenance_work_mem}MB
huge_pages = try

# Disks without moving parts.
random_page_cost = 1.1
effective_io_concurrency = 200

# Processors
max_worker_processes = {workers}
max_parallel_workers = {cpus}
max_parallel_workers_per_gather = {parallel}
max_parallel_maintenance_workers = {parallel}

# The log of changes. Mainstay receives it by replication; nothing is archived beside that.
wal_level = replica
archive_mode = off
max_wal_senders = {slots}
max_replication_slots = {slots}
# A receiver that is away longer than this needs a new base backup, and the disk does not fill.
max_slot_wal_keep_size = {max_wal_size}MB
wal_compression = on
wal_buffers = 16MB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
max_wal_size = {max_wal_size}MB
min_wal_size = {min_wal_size}MB
fsync = on
full_page_writes = on
synchronous_commit = on
{LOGGING}"
    )
}

const SLOTS: u32 = 10;

/// As the guides' log pipeline reads it.
const LOGGING: &str = "
# Logs: CSV, which Filebeat and Logstash take apart; a file a day, and a new one at 100 MB.
log_destination = 'csvlog'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%Y-%m-%d_%H%M%S.log'
log_rotation_age = 1d
log_rotation_size = 100MB
log_timezone = 'UTC'
timezone = 'UTC'
# Queries that take longer than a second.
log_min_duration_statement = 1s
log_checkpoints = on
log_connections = on
log_disconnections = on
log_lock_waits = on
log_temp_files = 10MB
log_autovacuum_min_duration = 10s

# A transaction that nobody goes on with holds locks and keeps rows from being cleaned up.
idle_in_transaction_session_timeout = 10min
track_io_timing = on
autovacuum = on
";

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Bytes;

    #[test]
    fn settings_follow_the_size_of_the_machine() {
        let of = |gib: u64, cpus| {
            let tuning = tuning(Machine {
                memory: Bytes(gib << 30),
                cpus,
            });
            let memory = tuning.shared_buffers + tuning.work_mem_kib * tuning.connections / 1024;
            assert!(memory <= gib * 1024, "{gib} GiB hold what is used at once");
            (
                tuning.connections,
                tuning.shared_buffers,
                tuning.effective_cache_size,
                tuning.work_mem_kib,
                tuning.maintenance_work_mem,
                tuning.parallel,
            )
        };
        // The rag-admin guide's figures are those of 1 GiB, but for connections: 200 of them do not fit.
        assert_eq!(of(1, 2), (100, 256, 768, 2621, 64, 1));
        assert_eq!(of(4, 2), (200, 1024, 3072, 5242, 256, 1));
        assert_eq!(of(64, 16), (200, 16384, 49152, 65536, 2048, 4));
    }
}
