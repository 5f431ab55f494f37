//! Rules about Dockerfiles.

super::declare! {
    SYNTAX "dockerfile/syntax" High ["DL1000" "DL3043" "DL3061"]
        "the file can be built"
        "a builder refuses the file"
        "write what the Dockerfile reference says";
    ROOT_USER "dockerfile/root-user" High ["DL3002"]
        "the final stage runs as a user that is not root"
        "who breaks out of the program is root in the container, and one kernel bug away from root on the host"
        "add `RUN useradd --system --uid 10001 app` and `USER 10001` to the final stage (only `USER 10001` where the base has no shell)";
    BASE_NOT_PINNED "dockerfile/base-not-pinned" High ["DL3006" "DL3007"]
        "every base image has a tag that says more than `latest`"
        "the next build takes whatever is newest then, and nobody can tell what was deployed"
        "name a version, better with its digest: `FROM image:1.2@sha256:…`";
    BASE_NO_DIGEST "dockerfile/base-no-digest" Low []
        "base images are named by digest"
        "a tag can be moved to other bytes; a digest cannot"
        "add the digest that `docker image inspect --format '{{index .RepoDigests 0}}' IMAGE` prints";
    BASE_LARGE "dockerfile/base-large" Low []
        "the final stage starts from a small base"
        "what is not in the image needs no update and helps no intruder"
        "use the `-slim` or `-alpine` variant, a distroless image, or `scratch` for a static program";
    BASE_PLATFORM "dockerfile/base-platform" Low ["DL3029"]
        "the platform of a base image is not fixed"
        "the image then is for that platform whatever a build asks for, and runs emulated or not at all elsewhere"
        "take `--platform` away, or use `$BUILDPLATFORM` in stages that only build";
    STAGE_TWICE "dockerfile/stage-twice" High ["DL3024"]
        "names of stages are unique"
        "later instructions mean the later one, and readers the earlier one"
        "give the stage another name";
    UNKNOWN_STAGE "dockerfile/unknown-stage" High ["DL3022" "DL3023"]
        "`COPY --from` names an earlier stage"
        "what is not an earlier stage is pulled as an image, or fails late"
        "name an earlier stage (`FROM … AS build`), or an image with its tag";
    SECRET_IN_ENV "dockerfile/secret-in-env" Critical ["DL3064"]
        "no secret stands in `ENV` or `LABEL`"
        "everyone who can pull the image can read it with `docker inspect`, also after a later layer unset it"
        "take it out, replace the secret, and give the new one to the container when it runs (`secrets:` of the service)";
    SECRET_IN_ARG "dockerfile/secret-in-arg" High ["DL3064"]
        "no secret is passed as a build argument"
        "build arguments stay readable in the image's history"
        "use `RUN --mount=type=secret,id=NAME`, which leaves nothing in a layer";
    SECRET_IN_RUN "dockerfile/secret-in-run" Critical []
        "no secret stands in a command"
        "the command is part of the image's history"
        "take it out, replace the secret, and use `RUN --mount=type=secret,id=NAME`";
    SECRET_COPIED "dockerfile/secret-copied" Critical []
        "no file of secrets is copied into the image"
        "it stays in its layer also when a later instruction deletes it"
        "take the `COPY` away, add the file to `.dockerignore`, and give it to the container when it runs";
    SUDO "dockerfile/sudo" Medium ["DL3004"]
        "`sudo` is neither used nor installed"
        "a build runs as root already, and in a running container sudo is a way up"
        "take `sudo` away; put `USER root` before and `USER app` behind what needs it";
    SSH_SERVER "dockerfile/ssh-server" High []
        "no SSH server is in the image"
        "it is a second way in, with keys and updates of its own"
        "take it out, and use `mainstay exec` to look into an instance";
    WORLD_WRITABLE "dockerfile/world-writable" High []
        "nothing is made writable for everybody"
        "any process in the container can replace what is run"
        "give it to the user that needs it: `COPY --chown=app:app` or `chmod u+w`";
    SETUID "dockerfile/setuid" Medium []
        "no program is made to run with its owner's rights"
        "it is a way from the service's user to root"
        "take the bit away (`chmod a-s`), and run what needs root in a container of its own";
    PIPE_TO_SHELL "dockerfile/pipe-to-shell" High []
        "nothing that was fetched is run unseen"
        "whoever holds the address decides what runs in your build"
        "fetch it, compare its checksum (`sha256sum --check`), then run it; or install a package";
    TLS_OFF "dockerfile/tls-off" High []
        "certificates and signatures are checked"
        "anybody on the way can put in what they like"
        "take the option away, and install `ca-certificates`";
    ADD_URL "dockerfile/add-url" Medium ["DL3020"]
        "nothing is added from an address without a checksum"
        "what the address gives may change, and no cache notices"
        "use `ADD --checksum=sha256:… URL`, or fetch and check it in a `RUN`";
    ADD_FOR_COPY "dockerfile/add-for-copy" Low ["DL3020"]
        "files are copied by `COPY`"
        "`ADD` also unpacks and fetches, which a reader has to rule out"
        "write `COPY`; keep `ADD` for archives that are to be unpacked";
    COPY_ALL "dockerfile/copy-all" Medium []
        "`COPY .` goes with a `.dockerignore`"
        "everything in the directory ends in the image: `.git`, `.env`, build output"
        "write a `.dockerignore`, or copy by name what the image needs";
    COPY_DESTINATION "dockerfile/copy-destination" High ["DL3021"]
        "several files are copied into a directory"
        "a builder refuses it"
        "end the destination with `/`";
    COPY_RELATIVE "dockerfile/copy-relative" Low ["DL3045"]
        "a relative destination follows a `WORKDIR`"
        "where it ends depends on the base image"
        "set `WORKDIR` first, or write the whole path";
    APT_UPGRADE "dockerfile/apt-upgrade" Medium ["DL3005" "DL3017" "DL3031" "DL3035"]
        "packages of the base image are not upgraded in a build"
        "two builds of one commit then differ, and a cached layer keeps what was new long ago"
        "take a newer base image, and rebuild when there is one";
    APT_RECOMMENDS "dockerfile/apt-recommends" Low ["DL3015"]
        "`apt-get install` takes no recommended packages"
        "they make the image larger, and nothing asked for them"
        "add `--no-install-recommends`";
    APT_LISTS "dockerfile/apt-lists" Low ["DL3009"]
        "package lists are removed in the layer that fetched them"
        "they are tens of megabytes that nothing reads any more"
        "end the same `RUN` with `&& rm -rf /var/lib/apt/lists/*`, or mount a cache there";
    APT_NO_YES "dockerfile/apt-no-yes" Medium ["DL3014" "DL3030" "DL3034" "DL3038"]
        "installing asks nothing"
        "a build has nobody to answer"
        "add `-y`";
    APT_UPDATE_ALONE "dockerfile/apt-update-alone" Medium []
        "`apt-get update` and `install` stand in one `RUN`"
        "the cache keeps the old lists, and a later install fails or takes old packages"
        "write `RUN apt-get update && apt-get install …`";
    APT_FOR_PEOPLE "dockerfile/apt-for-people" Low ["DL3027"]
        "scripts use `apt-get`, not `apt`"
        "`apt` says itself that its interface is not stable"
        "write `apt-get` or `apt-cache`";
    PACKAGE_CACHE "dockerfile/package-cache" Low ["DL3019" "DL3032" "DL3036" "DL3040" "DL3042"]
        "no package manager leaves its cache in a layer"
        "it is only size"
        "use `apk add --no-cache`, `pip install --no-cache-dir`, `dnf clean all` in the same `RUN`, or a cache mount";
    PIP_NOT_PINNED "dockerfile/pip-not-pinned" Low ["DL3013"]
        "Python packages have a version"
        "two builds of one commit then differ"
        "write `package==version`, or use a requirements file with hashes";
    NPM_INSTALL "dockerfile/npm-install" Low ["DL3016"]
        "`npm ci` installs what the lock file says"
        "`npm install` may take newer packages than those that were tested"
        "copy `package-lock.json` and run `npm ci --omit=dev`";
    COMPILER "dockerfile/compiler-in-image" Medium []
        "the final image holds no compiler"
        "it is hundreds of megabytes, and builds an intruder's tools"
        "build in a stage of its own (`FROM … AS build`) and `COPY --from=build` the result";
    HEALTHCHECK_MISSING "dockerfile/healthcheck-missing" Medium []
        "there is a health check"
        "an engine cannot tell a program that hangs from one that works"
        "add `HEALTHCHECK CMD [\"/app\", \"health\"]`, or a `healthcheck:` to the service";
    HEALTHCHECK_TOOL "dockerfile/healthcheck-tool" Medium []
        "the health check needs no curl or wget"
        "it is a whole HTTP client in the image for one request, which also helps an intruder"
        "let the program check itself (`/app health`), or use `health: {http: /health}` in mainstay.yaml, which runs outside of the container";
    SHELL_FORM "dockerfile/shell-form" Medium ["DL3025"]
        "`ENTRYPOINT` and `CMD` are JSON lists"
        "in the shell form a shell is process 1: SIGTERM does not reach the program, and each stop ends in SIGKILL"
        "write `CMD [\"program\", \"argument\"]`";
    ONLY_LAST "dockerfile/only-last-counts" Medium ["DL3012" "DL4003" "DL4004"]
        "`CMD`, `ENTRYPOINT` and `HEALTHCHECK` stand once in a stage"
        "only the last one counts"
        "delete the earlier one";
    PORT "dockerfile/port" High ["DL3011"]
        "an exposed port is one"
        "a builder refuses it"
        "use a port from 1 to 65535";
    WORKDIR_RELATIVE "dockerfile/workdir-relative" Low ["DL3000"]
        "`WORKDIR` is an absolute path"
        "where a relative one leads depends on what stood before it"
        "begin it with `/`";
    CD "dockerfile/cd" Low ["DL3003"]
        "`WORKDIR` changes the directory"
        "a `cd` ends with its `RUN`"
        "write `WORKDIR` instead";
    PIPEFAIL "dockerfile/pipefail" Low ["DL4006"]
        "a pipe fails when its first part does"
        "only the exit code of the last part counts, so a failed download goes on"
        "begin with `SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]`, or write to a file first";
    MAINTAINER "dockerfile/maintainer" Low ["DL4000"]
        "`MAINTAINER` is not used"
        "Docker has deprecated it"
        "write `LABEL org.opencontainers.image.authors=\"…\"`";
    WAIVER "dockerfile/waiver" Medium []
        "a waiver names a rule, has a reason, and is needed"
        "one that is wrong hides nothing, or hides what nobody knows of"
        "write `# mainstay: allow RULE reason` above the instruction, or delete it";
}
