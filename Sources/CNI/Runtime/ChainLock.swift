import NetCore

/// The locks of a runtime (cni.md R-8, R-13): nothing runs beside GC on its network, and never two operations for one
/// container. They stand under `<state>/runtime`, apart from the plugins' own, which a chain takes while it holds
/// these: at most one file a network and 4096 for containers, never removed.
struct ChainLocks: Sendable {
    let directory: String
    /// How long somebody waits for a lock before code 11.
    var seconds = 300

    init(environment: Environment) {
        directory = "\(environment.nonEmpty("BERTH_STATE_DIR") ?? "/run/berth")/runtime"
    }

    /// Waits for a network (shared by ADD, CHECK and DEL, exclusive for GC) and then for a container.
    /// Throws code 11 when somebody has held either for too long.
    func hold(
        network: String? = nil, _ mode: FileLock.Mode = .shared, container: String? = nil
    ) throws(CNIError) -> ChainHold {
        var first: FileLock?
        if let network { first = try lock("network-\(Attachment.networkTag(network))", mode, "network \"\(network)\"") }
        guard let container else { return ChainHold(network: first, container: nil) }
        // Unrelated containers may share a file: they wait for each other, which does no harm.
        let name = "container-\(hex(Digest.sha256(container), digits: 3))"
        return ChainHold(network: first, container: try lock(name, .exclusive, "container \"\(container)\""))
    }

    private func lock(_ name: String, _ mode: FileLock.Mode, _ subject: String) throws(CNIError) -> FileLock {
        let path = "\(directory)/\(name)"
        do throws(KernelError) {
            do throws(KernelError) {
                return try FileLock(path, mode, seconds: seconds)
            } catch  where error.errno == .noSuchFile {
                try Files.makeDirectories(directory, mode: 0o755)
                return try FileLock(path, mode, seconds: seconds)
            }
        } catch  where error.errno == .timedOut {
            throw CNIError(.tryAgainLater, "another operation on \(subject) is still running", details: "\(error)")
        } catch {
            throw CNIError(error)
        }
    }
}

/// What one operation holds: its locks, and SIGTERM and SIGINT, which wait until the plugin at work is done.
struct ChainHold: ~Copyable {
    private let network: FileLock?
    private let container: FileLock?
    private let interruption = Interruption()

    init(network: consuming FileLock?, container: consuming FileLock?) {
        self.network = network
        self.container = container
    }

    /// Said in a `defer`, it keeps all of this up to the end of the scope.
    borrowing func end() {}
}
