#if Daemon
    import ArgumentParser
    import Client
    import Glibc

    /// Which daemon a command speaks to. Stands before the command: `berth -H unix:///run/berth/berth.sock ps`.
    struct DaemonOptions: ParsableArguments {
        @Option(
            name: [.customShort("H"), .long],
            help:
                "The daemon's socket: unix:///PATH, tcp://127.0.0.1:PORT, or with TLS tcp://HOST:PORT. Unless given, BERTH_HOST, else unix:///run/berth/berth.sock."
        )
        var host: String?
        @Flag(
            name: .customLong("tls"), help: "TLS with whoever answers. --tlsverify is better. Unless given, BERTH_TLS.")
        var isTLS = false
        @Flag(
            name: .customLong("tlsverify"),
            help: "TLS with a daemon whose certificate --tlscacert has signed. Unless given, BERTH_TLS_VERIFY.")
        var isVerifying = false
        @Option(
            name: .customLong("tlscacert"),
            help: ArgumentHelp(
                "Who signs the daemon's certificate. Unless given, ca.pem in BERTH_CERT_PATH, else in ~/.berth.",
                valueName: "file"))
        var authority: String?
        @Option(
            name: .customLong("tlscert"),
            help: ArgumentHelp("Our certificate. Unless given, cert.pem there.", valueName: "file"))
        var certificate: String?
        @Option(
            name: .customLong("tlskey"), help: ArgumentHelp("Its key. Unless given, key.pem there.", valueName: "file"))
        var key: String?

        /// What the words before the command said of TLS. Written before there is a second thread. (A Mutex here is made of zeros by
        /// the optimizer of Swift 6.3, and a Bool? of zero is false, not nil.)
        nonisolated(unsafe) private(set) static var tls = TLSChoice()

        /// The arguments without those that say which daemon: `-H ADDRESS` goes to the environment, TLS to `tls`.
        static func taken(from arguments: [String]) -> [String] {
            var rest = arguments[...]
            while let first = rest.first {
                let equals = first.firstIndex(of: "=")
                let name = equals.map { String(first[..<$0]) } ?? first
                let attached = equals.map { String(first[first.index(after: $0)...]) }
                if name == "--tls" || name == "--tlsverify" {
                    guard let value = attached.map({ CommandWords.truth($0) }) ?? true else { break }
                    if name == "--tls" { tls.isWanted = value } else { tls.verifies = value }
                    rest = rest.dropFirst()
                } else if let take = valued[name], let value = attached ?? rest.dropFirst().first {
                    take(value)
                    rest = rest.dropFirst(attached == nil ? 2 : 1)
                } else if first.hasPrefix("-H"), first.count > 2 {
                    setenv("BERTH_HOST", String(first.dropFirst(2)), 1)
                    rest = rest.dropFirst()
                } else {
                    break
                }
            }
            return Array(rest)
        }

        private static let valued: [String: @Sendable (String) -> Void] = [
            "-H": { setenv("BERTH_HOST", $0, 1) },
            "--host": { setenv("BERTH_HOST", $0, 1) },
            "--tlscacert": { tls.authority = $0 },
            "--tlscert": { tls.certificate = $0 },
            "--tlskey": { tls.key = $0 },
        ]
    }

    extension Daemon {
        /// The one that `-H` or `BERTH_HOST` names, else the usual one.
        static func chosen() throws(ClientError) -> Daemon {
            func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
            let choice = DaemonOptions.tls
            let text = environment("BERTH_HOST").flatMap { $0.isEmpty ? nil : $0 } ?? "\(Endpoint.standard)"
            guard text.hasPrefix("tcp://") else {
                if choice != TLSChoice() {
                    throw ClientError(
                        "\(text) with TLS", by: "TLS is for tcp://; a socket of this machine is guarded by its mode",
                        fix: "name the daemon: -H tcp://HOST:2376, or leave the options of TLS out")
                }
                return Daemon(try Endpoint(parsing: text))
            }
            guard let files = try choice.files(environment) else { return Daemon(try Endpoint(parsing: text)) }
            return Daemon(try Endpoint(parsing: text, isTLS: true), through: try Remote.connector(files))
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
