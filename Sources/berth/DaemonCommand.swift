#if Daemon
    import ArgumentParser
    import Containers
    import Engine
    import Glibc
    import NetCore

    struct DaemonCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "daemon", abstract: "Serves the Docker Engine API: containers, images, networks, volumes.",
            discussion: """
                Whoever may use its socket is root on this host. A TCP address is taken with --tlsverify alone, whose clients \
                show a certificate, or on loopback with --insecure-loopback. SIGTERM ends it; containers run on.
                """)

        @Option(
            name: [.customShort("H"), .customLong("host")],
            help: ArgumentHelp(
                "unix:///path or tcp://address:port, any number of them; without one unix://RUN/berth.sock.",
                valueName: "address"))
        var addresses: [String] = []
        @Option(help: ArgumentHelp("What survives a reboot.", valueName: "directory"))
        var root = "/var/lib/berth"
        @Option(
            name: .customLong("run"),
            help: ArgumentHelp("What does not: sockets, pid files, namespaces.", valueName: "directory"))
        var runtime = "/run/berth"
        @Option(
            help: ArgumentHelp(
                "berth-oci, berth-shim, berth-cni and the plugins stand there; without it, beside this program.",
                valueName: "directory"))
        var programs: String?
        @Option(
            name: .customLong("cni-path"),
            help: ArgumentHelp("Where other plugins are looked for, parted by colons.", valueName: "directories"))
        var pluginPath = "/opt/cni/bin:/usr/lib/cni"
        @Option(
            name: .customLong("tlscacert"),
            help: ArgumentHelp("Who signs the clients' certificates.", valueName: "file"))
        var authority: String?
        @Option(name: .customLong("tlscert"), help: ArgumentHelp("The daemon's certificate.", valueName: "file"))
        var certificate: String?
        @Option(name: .customLong("tlskey"), help: ArgumentHelp("Its key.", valueName: "file"))
        var key: String?
        @Flag(name: .customLong("tlsverify"), help: "TCP with certificates of both sides.")
        var isVerifying = false
        @Flag(name: .customLong("insecure-loopback"), help: "TCP without TLS, for every user of this host.")
        var isInsecure = false
        @Option(help: ArgumentHelp("Who may use the socket besides root.", valueName: "group"))
        var group = "berth"
        @Option(
            name: .customLong("userns-remap"),
            help: ArgumentHelp(
                "Containers' root is nobody on this host: default, USER[:GROUP] or UID[:GID] of /etc/subuid and /etc/subgid.",
                valueName: "user"))
        var remapped: String?
        @Flag(help: "A line for each request.")
        var debug = false

        func run() throws {
            var daemon = Daemon(
                Home(root: root, run: runtime, programs: programs ?? RuntimeProgram.directory ?? "/usr/local/bin"))
            do {
                let texts = addresses.isEmpty ? ["unix://\(runtime)/berth.sock"] : addresses
                daemon.addresses = try texts.map { try ListenAddress($0) }
                if isVerifying {
                    guard let authority, let certificate, let key else {
                        throw APIError(400, "--tlsverify wants --tlscacert, --tlscert and --tlskey")
                    }
                    daemon.tls = TLSFiles(authority: authority, certificate: certificate, key: key)
                } else if authority != nil || certificate != nil || key != nil {
                    throw APIError(
                        400, "certificates without --tlsverify: a client that shows none is not served; add --tlsverify"
                    )
                }
                daemon.isInsecureLoopbackAllowed = isInsecure
                if let remapped { daemon.remap = try SubordinateIDs.map(remapped) }
                daemon.group = group
                daemon.isDebugging = debug
                daemon.pluginPath = pluginPath.split(separator: ":").map { String($0) }
                try daemon.run()
            } catch {
                StandardError.write("berth daemon: \(error)\n")
                throw ExitCode(1)
            }
        }
    }
#endif
