//! Rules about images as the engine has them.

super::declare! {
    IMAGE_ROOT "image/root-user" High []
        "the image runs as a user that is not root"
        "who breaks out of the program is root in the container, and one kernel bug away from root on the host"
        "add `USER 10001` to its Dockerfile, or `user: \"10001\"` to the service";
    IMAGE_HEALTH "image/healthcheck-missing" Medium []
        "there is a health check"
        "an engine cannot tell a program that hangs from one that works"
        "add `HEALTHCHECK` to its Dockerfile, or a `healthcheck:` to the service";
    IMAGE_HEALTH_TOOL "image/healthcheck-tool" Medium []
        "the health check needs no curl or wget"
        "it is a whole HTTP client in the image for one request, which also helps an intruder"
        "let the program check itself, or use `health: {http: /health}` in mainstay.yaml";
    IMAGE_SECRET_ENV "image/secret-in-env" Critical []
        "no secret stands in the image's environment or labels"
        "everyone who can pull the image can read it"
        "build it without, replace the secret, and give the new one to the container when it runs";
    IMAGE_SECRET_HISTORY "image/secret-in-history" Critical []
        "no secret stands in the image's history"
        "`docker history` shows it to everyone who can pull the image"
        "build it anew with `RUN --mount=type=secret`, and replace the secret";
    IMAGE_LARGE "image/large" Low []
        "the image is small"
        "each host pulls all of it before it can start an instance"
        "build in a stage of its own and start the final one from a small base";
    IMAGE_OLD "image/old" Medium []
        "the image was built lately"
        "fixes of its base image of the last months are not in it"
        "build it again with `mainstay image build --pull`";
    IMAGE_SSH "image/ssh-server" High []
        "no SSH port is exposed"
        "it is a second way in, with keys and updates of its own"
        "take the server out of the image, and use `mainstay exec`";
    IMAGE_SETUID "image/setuid" Low []
        "no program runs with its owner's rights"
        "each is a way from the service's user to root"
        "end the Dockerfile's root part with `RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +`, or set `no-new-privileges`";
    IMAGE_WRITABLE "image/world-writable" Medium []
        "no file is writable for everybody"
        "any process in the container can replace what is run"
        "`chmod o-w` it in the layer that makes it";
    IMAGE_SECRET_FILE "image/secret-file" Critical []
        "no file of secrets is in the image"
        "everyone who can pull the image can read it"
        "take it out of the `COPY`, replace the secret, and give the new one to the container when it runs";
    IMAGE_SHELL_FORM "image/shell-form" Medium []
        "no shell is process 1"
        "SIGTERM does not reach the program, and each stop ends in SIGKILL"
        "write `ENTRYPOINT` and `CMD` as JSON lists in its Dockerfile";
    IMAGE_LABELS "image/no-revision" Low []
        "the image says which commit it was built from"
        "from a running container nobody finds the source"
        "build it with `mainstay image build`, which sets `org.opencontainers.image.revision`";
}
