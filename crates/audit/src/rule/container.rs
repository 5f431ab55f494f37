//! Rules about how a service's containers are run.

super::declare! {
    PRIVILEGED "container/privileged" Critical []
        "no container is privileged"
        "it is root on the host"
        "take `privileged` away, and add the one capability or device that is needed";
    ENGINE_SOCKET "container/engine-socket" Critical []
        "the engine's socket is not mounted"
        "who can speak to it is root on the host, also where it is mounted read-only"
        "take the mount away";
    HOST_PATH "container/host-path" High []
        "no system directory of the host is mounted writable"
        "what is written there runs on the host"
        "mount the one directory that is needed, with `read_only: true` where it will do";
    HOST_NAMESPACE "container/host-namespace" High []
        "network, processes and memory are the container's own"
        "it sees and reaches what only listens on the host itself"
        "take `network_mode`, `pid` or `ipc` away, and name the ports that are needed";
    CAPABILITIES "container/capabilities" Medium []
        "capabilities are dropped"
        "Docker gives fourteen of them, and few services need one"
        "write `cap_drop: [ALL]`, and `cap_add` for what is needed";
    CAPABILITY_ADDED "container/dangerous-capability" High []
        "no capability is added that is as good as root"
        "it leads out of the container"
        "take it out of `cap_add`";
    NEW_PRIVILEGES "container/new-privileges" Low []
        "no program gains rights when it starts"
        "setuid programs of the image are ways to root"
        "write `security_opt: [no-new-privileges:true]`";
    UNCONFINED "container/unconfined" High []
        "seccomp and AppArmor are on"
        "they are what stands between a kernel bug and the host"
        "take `seccomp=unconfined` or `apparmor=unconfined` out of `security_opt`";
    WRITABLE_ROOT "container/writable-root" Low []
        "the root file system is read-only"
        "an intruder cannot replace what is run"
        "write `read_only: true`, and `tmpfs: [/tmp]` for what must be written";
    RUNS_AS_ROOT "container/root-user" High []
        "the service runs as a user that is not root"
        "who breaks out of the program is root in the container, and one kernel bug away from root on the host"
        "write `user: \"10001\"`";
    NO_MEMORY_LIMIT "container/no-memory-limit" Medium []
        "memory is limited"
        "a leak ends in the kernel killing something else on the host"
        "write `deploy: {resources: {limits: {memory: 512m}}}`";
    NO_PROCESS_LIMIT "container/no-process-limit" Low []
        "the number of processes is limited"
        "a loop that forks takes the whole host with it"
        "write `pids_limit: 200`";
    NO_HEALTH "container/healthcheck-missing" Medium []
        "there is a health check"
        "a deploy cannot tell a release that works from one that hangs"
        "write `healthcheck:` for the service, or `health:` in mainstay.yaml";
    IMAGE_FLOATING "container/image-not-pinned" Medium []
        "the service's image has a tag that says more than `latest`"
        "the next deploy takes whatever is newest then"
        "name a version: `image: postgres:16.4`";
}
