#if Daemon
    import ArgumentParser
    import Client
    import Glibc

    /// Which daemon a command speaks to. Stands before the command: `berth -H unix:///run/berth/berth.sock ps`.
    struct DaemonOptions: ParsableArguments {
        @Option(
            name: [.customShort("H"), .long],
            help:
                "The daemon's socket: unix:///PATH or tcp://127.0.0.1:PORT. Unless given, BERTH_HOST, else unix:///run/berth/berth.sock."
        )
        var host: String?

        /// The arguments without a leading `-H ADDRESS`, which goes to the environment.
        static func taken(from arguments: [String]) -> [String] {
            var rest = arguments[...]
            while let first = rest.first {
                if first == "-H" || first == "--host", rest.count > 1 {
                    setenv("BERTH_HOST", rest[rest.startIndex + 1], 1)
                    rest = rest.dropFirst(2)
                } else if first.hasPrefix("--host=") || first.hasPrefix("-H=") {
                    setenv("BERTH_HOST", String(first[first.index(after: first.firstIndex(of: "=")!)...]), 1)
                    rest = rest.dropFirst()
                } else if first.hasPrefix("-H"), first.count > 2 {
                    setenv("BERTH_HOST", String(first.dropFirst(2)), 1)
                    rest = rest.dropFirst()
                } else {
                    break
                }
            }
            return Array(rest)
        }
    }

    extension Daemon {
        /// The one that `-H` or `BERTH_HOST` names, else the usual one.
        static func chosen() throws(ClientError) -> Daemon {
            guard let text = getenv("BERTH_HOST").map({ String(cString: $0) }), !text.isEmpty else {
                return Daemon(.standard)
            }
            return Daemon(try Endpoint(parsing: text))
        }
    }

    /// Does something to each name, prints the name, goes on past a failure and tells it at the end by exit code 1.
    func each(_ names: [String], isQuiet: Bool = false, _ body: (String) throws(ClientError) -> Void) throws {
        var hasFailed = false
        for name in names {
            do throws(ClientError) {
                try body(name)
                if !isQuiet { try Output.line(name) }
            } catch {
                Output.tell(error.description)
                hasFailed = true
            }
        }
        if hasFailed { throw ExitCode(1) }
    }
#endif
