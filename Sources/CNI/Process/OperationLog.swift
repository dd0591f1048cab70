import Glibc
import JSON
import NetCore

/// One JSON line an operation, appended to the file that BERTH_LOG names: what was asked for, of whom, what was changed, how
/// long it took and how it ended. A file that cannot be written is told on standard error and hurts nobody.
public struct OperationLog {
    private let path: String
    private let plugin: String
    private let request: Request
    private let begun: Int64
    private let wall: timespec

    /// What the plugin that runs says that it changes; nil while no log is kept.
    private nonisolated(unsafe) static var changes: [String]?

    /// Nil where no log is asked for. For one thread: a delegate's operation stands in a line of its own, before the
    /// other's.
    init?(_ plugin: String, _ request: Request) {
        guard let path = request.environment.nonEmpty("BERTH_LOG"), request.command != .version else { return nil }
        self.path = path
        self.plugin = plugin
        self.request = request
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        wall = now
        begun = OperationLog.microseconds
    }

    /// What an operation of this process changes, in words; put together only where a log is kept.
    public static func note(_ words: @autoclosure () -> [String]) {
        if changes != nil { changes! += words() }
    }

    private static var microseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    /// Runs the operation and writes its line.
    static func around<Value>(
        _ plugin: String, _ request: Request, _ body: () throws(CNIError) -> Value
    ) throws(CNIError) -> Value {
        guard let log = OperationLog(plugin, request) else { return try body() }
        let before = changes
        changes = []
        defer { changes = before }
        do throws(CNIError) {
            let value = try body()
            log.write(nil)
            return value
        } catch {
            log.write(error)
            throw error
        }
    }

    private func write(_ error: CNIError?) {
        var line: JSONObject = [
            "time": .string(UniversalTime.text(wall.tv_sec, milliseconds: wall.tv_nsec / 1_000_000)),
            "command": .string(request.command.rawValue), "plugin": .string(plugin),
            "network": .string(request.configuration.name),
        ]
        if request.command.hasAttachment {
            line["containerID"] = .string(request.containerID)
            line["ifname"] = .string(request.interface?.description ?? "")
            if let netns = request.netns { line["netns"] = .string(netns) }
        }
        line["microseconds"] = .integer(OperationLog.microseconds - begun)
        line["changes"] = .array((OperationLog.changes ?? []).map { .string($0) })
        line["code"] = .integer(Int64(error?.code ?? 0))
        if let error { line["error"] = .string(([error.message, error.details].compactMap { $0 }).joined(by: ": ")) }
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: path, O_WRONLY | O_APPEND | O_CREAT, mode: 0o640)
            // One write: lines of plugins that run at the same time do not mix.
            try Files.write(JSON.object(line).bytes + [0x0a], to: file.number, operation: "append to \(path)")
        } catch {
            let text = "berth: no line in BERTH_LOG: \(error)\n"
            _ = Glibc.write(STDERR_FILENO, text, text.utf8.count)
        }
    }
}
