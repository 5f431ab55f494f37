//! Rules about build contexts: what is sent to the engine to build from.

super::declare! {
    CONTEXT_LARGE "context/large" Medium []
        "the build context is small"
        "all of it is sent before the first step, on every build"
        "write what the build does not need into `.dockerignore`";
    CONTEXT_TOO_LARGE "context/too-large" High []
        "the build context is below the limit"
        "it is not sent: somebody would wait for minutes, and the disk of the engine would fill"
        "write what the build does not need into `.dockerignore`, or raise the limit with `--context-limit`";
    CONTEXT_SECRET "context/secret" High []
        "no file of secrets is in the build context"
        "a `COPY .` away from being in the image, and it is sent to the engine in any case"
        "add it to `.dockerignore`";
    CONTEXT_IGNORE "context/ignore-pattern" Medium []
        "`.dockerignore` has only patterns that mean something"
        "a builder refuses the file, or the pattern never matches"
        "mend the pattern, or delete its line";
}
