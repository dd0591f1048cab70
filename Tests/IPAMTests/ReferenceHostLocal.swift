import CKernel
import CNI
import Glibc
import JSON
import NetCore
import Testing

/// The reference's host-local as Debian's package containernetworking-plugins installs it, run as a CNI plugin.
struct ReferenceHostLocal {
    static let path = "/usr/lib/cni/host-local"

    /// What a call answered: the exit code and standard output.
    struct Answer {
        let code: Int32
        let output: String

        /// The addresses of a result; the whole output as an error otherwise.
        func addresses(sourceLocation: SourceLocation = #_sourceLocation) throws -> [String] {
            try #require(code == 0, "\(output)", sourceLocation: sourceLocation)
            let result = try CNIResult(decoding: try JSON(parsing: Array(output.utf8)), version: .v1_0_0)
            return result.ips.map { "\($0.address)" }
        }

        func message() throws -> String { try JSON(parsing: Array(output.utf8))["msg"]?.string ?? "" }
    }

    /// Throws a sentence when the binary is missing: a comparison that does not run is a failure.
    init(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try #require(
            access(ReferenceHostLocal.path, X_OK) == 0,
            "\(ReferenceHostLocal.path) is missing: apt-get install containernetworking-plugins",
            sourceLocation: sourceLocation)
    }

    /// Runs one operation to its end.
    func run(
        _ command: Command, on bench: Bench, _ container: String, _ interface: String = "eth0", arguments: String = ""
    ) throws -> Answer {
        let files = try TemporaryDirectory()
        var json = bench.json
        json["cniVersion"] = "1.0.0"
        try Files.replace("\(files.path)/in", with: Array(JSON.object(json).text.utf8))
        let environment = [
            "CNI_COMMAND=\(command.rawValue)", "CNI_CONTAINERID=\(container)", "CNI_IFNAME=\(interface)",
            "CNI_NETNS=/proc/1/ns/net", "CNI_PATH=/usr/lib/cni", "CNI_ARGS=\(arguments)",
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "\(files.path)/in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "\(files.path)/out", O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var pid: pid_t = 0
        var arguments = [strdup(ReferenceHostLocal.path), nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer {
            for pointer in arguments + variables { free(pointer) }
        }
        try #require(posix_spawn(&pid, ReferenceHostLocal.path, &actions, nil, &arguments, &variables) == 0)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return Answer(
            code: berth_exit_status(status),
            output: String(decoding: try Files.read("\(files.path)/out"), as: UTF8.self))
    }
}
