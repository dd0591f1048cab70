import Images
import JSON
import NetCore
import Networks

/// A stream to a container's process: a connected socket whose bytes are Docker's stream from here on (docs/runtime/parts.md, attach, exec).
/// Whoever has it closes it.
public struct ContainerStream: ~Copyable {
    public var descriptor: OwnedDescriptor
    public var isTerminal: Bool
}

/// Docker's containers. Every function may be called from any thread and waits for what it does; a container is changed by one at a time.
/// References are an id, a beginning of one, or a name. Bodies and answers are those of the Docker Engine API 1.50.
public final class Containers: Sendable {
    public let home: Home
    public let images: ImageStore
    public let networks: NetworkStore
    private let events: any EventSink

    public init(_ home: Home, _ images: ImageStore, _ networks: NetworkStore, _ events: any EventSink) {
        self.home = home
        self.images = images
        self.networks = networks
        self.events = events
    }

    /// Every container of before is known again: what runs is watched, what ended meanwhile is told, what was half made is gone. Once, at the start.
    public func recover() throws(APIError) { throw APIError(501, "not yet") }

    public func create(name: String?, _ body: JSONObject) throws(APIError) -> JSONObject {
        throw APIError(501, "not yet")
    }
    public func list(all: Bool, limit: Int?, size: Bool, filters: JSONObject) throws(APIError) -> [JSONObject] {
        throw APIError(501, "not yet")
    }
    public func inspect(_ reference: String, size: Bool) throws(APIError) -> JSONObject {
        throw APIError(501, "not yet")
    }
    /// False: it ran already (304).
    public func start(_ reference: String) throws(APIError) -> Bool { throw APIError(501, "not yet") }
    /// False: it did not run (304). Nil seconds: the container's own StopTimeout, else 10.
    public func stop(_ reference: String, signal: String?, seconds: Int?) throws(APIError) -> Bool {
        throw APIError(501, "not yet")
    }
    public func restart(_ reference: String, signal: String?, seconds: Int?) throws(APIError) {
        throw APIError(501, "not yet")
    }
    public func kill(_ reference: String, signal: String?) throws(APIError) { throw APIError(501, "not yet") }
    /// `condition`: not-running, next-exit, removed. Gives StatusCode (and Error). `isAbandoned` is asked ten times a second.
    public func wait(_ reference: String, condition: String, isAbandoned: () -> Bool) throws(APIError) -> JSONObject {
        throw APIError(501, "not yet")
    }
    public func remove(_ reference: String, force: Bool, volumes: Bool) throws(APIError) {
        throw APIError(501, "not yet")
    }
    public func rename(_ reference: String, to name: String) throws(APIError) { throw APIError(501, "not yet") }
    public func update(_ reference: String, _ body: JSONObject) throws(APIError) -> JSONObject {
        throw APIError(501, "not yet")
    }
    public func pause(_ reference: String) throws(APIError) { throw APIError(501, "not yet") }
    public func unpause(_ reference: String) throws(APIError) { throw APIError(501, "not yet") }
    public func resize(_ reference: String, rows: Int, columns: Int) throws(APIError) { throw APIError(501, "not yet") }
    public func attach(_ reference: String, stdin: Bool, stdout: Bool, stderr: Bool) throws(APIError) -> ContainerStream
    {
        throw APIError(501, "not yet")
    }
    /// The path of the container's log (json-file), whether it has a terminal, and whether it runs.
    public func log(_ reference: String) throws(APIError) -> (path: String, isTerminal: Bool, isRunning: Bool) {
        throw APIError(501, "not yet")
    }
    /// One sample as `stats?stream=false` answers; nothing but id and name when it does not run.
    public func stats(_ reference: String) throws(APIError) -> JSONObject { throw APIError(501, "not yet") }
    public func top(_ reference: String, arguments: String) throws(APIError) -> JSONObject {
        throw APIError(501, "not yet")
    }
    public func changes(_ reference: String) throws(APIError) -> [JSONObject] { throw APIError(501, "not yet") }
    public func readArchive(_ reference: String, path: String, to descriptor: Int32) throws(APIError) {
        throw APIError(501, "not yet")
    }
    public func writeArchive(_ reference: String, path: String, from descriptor: Int32, noOverwriteDirNonDir: Bool)
        throws(APIError)
    { throw APIError(501, "not yet") }
    public func statArchive(_ reference: String, path: String) throws(APIError) -> JSONObject {
        throw APIError(501, "not yet")
    }
    public func prune(filters: JSONObject) throws(APIError) -> JSONObject { throw APIError(501, "not yet") }

    public func createExec(_ reference: String, _ body: JSONObject) throws(APIError) -> String {
        throw APIError(501, "not yet")
    }
    /// Nil when it was detached.
    public func startExec(_ id: String, detach: Bool, tty: Bool) throws(APIError) -> ContainerStream? {
        throw APIError(501, "not yet")
    }
    public func resizeExec(_ id: String, rows: Int, columns: Int) throws(APIError) { throw APIError(501, "not yet") }
    public func inspectExec(_ id: String) throws(APIError) -> JSONObject { throw APIError(501, "not yet") }

    public func connect(_ reference: String, toNetwork network: String, endpoint: JSONObject) throws(APIError) {
        throw APIError(501, "not yet")
    }
    public func disconnect(_ reference: String, fromNetwork network: String, force: Bool) throws(APIError) {
        throw APIError(501, "not yet")
    }
    /// The running container's ports, as berth publish changes them: gives the ports that are published then.
    public func publish(_ reference: String, add: [PublishedPort], remove: [PublishedPort]) throws(APIError)
        -> [PublishedPort]
    { throw APIError(501, "not yet") }

    public func volumes(filters: JSONObject) throws(APIError) -> [JSONObject] { throw APIError(501, "not yet") }
    public func volume(_ name: String) throws(APIError) -> JSONObject { throw APIError(501, "not yet") }
    public func createVolume(_ body: JSONObject) throws(APIError) -> JSONObject { throw APIError(501, "not yet") }
    public func removeVolume(_ name: String, force: Bool) throws(APIError) { throw APIError(501, "not yet") }
    public func pruneVolumes(filters: JSONObject) throws(APIError) -> JSONObject { throw APIError(501, "not yet") }
    /// How many containers there are, run, are paused, are stopped.
    public func counts() -> (all: Int, running: Int, paused: Int, stopped: Int) { (0, 0, 0, 0) }
}
