import Glibc
import Images
import JSON
import NetCore
import Networks
import Synchronization

/// A container of the daemon: what was asked for, and how it is. What lasts is written down at once.
final class Container: @unchecked Sendable {
    let id: String
    let home: Home
    /// When it was made, RFC 3339.
    let created: String
    let imageID: String
    let imageName: String
    let state: Monitor<ContainerState>
    /// One at a time starts, ends or removes it.
    private let operation = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    /// One at a time writes it down: a file beside the name has one writer.
    private let writing = Mutex(())

    init(_ home: Home, id: String, created: String, imageID: String, imageName: String, _ state: ContainerState) {
        self.home = home
        self.id = id
        self.created = created
        self.imageID = imageID
        self.imageName = imageName
        self.state = Monitor(state)
        pthread_mutex_init(operation, nil)
    }

    deinit {
        pthread_mutex_destroy(operation)
        operation.deallocate()
    }

    func alone<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        pthread_mutex_lock(operation)
        defer { pthread_mutex_unlock(operation) }
        return try body()
    }

    var directory: String { home.container(id) }
    var runtime: String { home.runtime(id) }
    var namespace: String { "\(home.run)/netns/\(id)" }
    var socket: String { "\(runtime)/shim.sock" }
    var now: ContainerState { state.read { $0 } }
    var shortID: String { String(id.prefix(12)) }

    // MARK: on disk

    /// container.json and state.json say what is known now; nothing is written of one that is gone. Throws 500.
    func save() throws(APIError) {
        let outcome: Result<Void, APIError> = writing.withLock { _ in
            do throws(APIError) { return .success(try write()) } catch { return .failure(error) }
        }
        try outcome.get()
    }

    /// container.json alone: it is being made. A daemon that starts and finds no state.json beside it takes it away, with its anonymous
    /// volumes. Throws 500.
    func announce() throws(APIError) { try record(now) }

    /// As `save`, where only what was asked for has changed: one file, and so all or nothing. Throws 500.
    func saveRequest() throws(APIError) {
        let outcome: Result<Void, APIError> = writing.withLock { _ in
            do throws(APIError) {
                let now = self.now
                if !now.isGone, now.status != .removing { try record(now) }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try outcome.get()
    }

    private func write() throws(APIError) {
        let now = self.now
        if now.isGone || now.status == .removing { return }
        try record(now)
        do throws(KernelError) {
            try Files.replace("\(directory)/state.json", with: Array(JSON.object(now.written).text.utf8))
        } catch {
            throw APIError(500, "write down container \(shortID): \(error)")
        }
    }

    private func record(_ now: ContainerState) throws(APIError) {
        var container: JSONObject = [
            "id": .string(id), "created": .string(created), "image": .string(imageID), "imageName": .string(imageName),
            "name": .string(now.name), "config": .object(now.config), "host": .object(now.host),
            "endpoints": .object(now.endpoints), "mounts": .array(now.mounts.map { .object($0) }),
        ]
        if let map = now.map { container["map"] = map.json }
        do throws(KernelError) {
            try Files.makeDirectories(directory, mode: 0o710)
            try Files.replace("\(directory)/container.json", with: Array(JSON.object(container).text.utf8))
        } catch {
            throw APIError(500, "write down container \(shortID): \(error)")
        }
    }

    /// As it was written down, and whether that is whole: without state.json it is a create or a remove that was cut. Nil without
    /// container.json: a remove was cut later. Throws what is wrong with a file that is there: what cannot be read is no reason to take
    /// a container away.
    init?(_ home: Home, reading id: String, isWhole: inout Bool) throws(APIError) {
        guard let container = try Container.object("\(home.container(id))/container.json") else { return nil }
        let written = try Container.object("\(home.container(id))/state.json")
        isWhole = written != nil
        guard container["id"]?.string == id, let name = container["name"]?.string else {
            throw APIError(500, "\(home.container(id))/container.json is not that of container \(id)")
        }
        var state = ContainerState(name: name)
        state.config = container["config"]?.object ?? [:]
        state.host = container["host"]?.object ?? [:]
        state.endpoints = container["endpoints"]?.object ?? [:]
        state.mounts = (container["mounts"]?.array ?? []).compactMap(\.object)
        state.read(written ?? [:])
        if let map = container["map"] {
            guard let ids = IDMap(map) else {
                throw APIError(500, "\(home.container(id))/container.json: its map of ids is none")
            }
            state.map = ids
        }
        self.id = id
        self.home = home
        created = container["created"]?.string ?? Moment.never
        imageID = container["image"]?.string ?? ""
        imageName = container["imageName"]?.string ?? ""
        self.state = Monitor(state)
        pthread_mutex_init(operation, nil)
    }
}

extension Container {
    private static func object(_ path: String) throws(APIError) -> JSONObject? {
        let bytes: [UInt8]
        do throws(KernelError) {
            bytes = try Files.read(path, limit: 64 << 20)
        } catch {
            if error.errno == .noSuchFile { return nil }
            throw APIError(500, "\(error)")
        }
        do throws(JSONError) {
            if let object = try JSON(parsing: bytes).object { return object }
        } catch {
            throw APIError(500, "\(path): \(error)")
        }
        throw APIError(500, "\(path) is no JSON object")
    }
}

/// What changes of a container.
struct ContainerState: Sendable {
    enum Status: String { case created, running, paused, restarting, removing, exited, dead }

    var name: String
    var config = JSONObject()
    var host = JSONObject()
    var endpoints = JSONObject()
    /// Docker's MountPoint objects.
    var mounts: [JSONObject] = []
    /// What its users are on the host, for its life; nil: themselves.
    var map: IDMap?
    var status = Status.created
    var pid: Int64 = 0
    var exitCode: Int64 = 0
    var error = ""
    var isKilledByOOM = false
    var startedAt = Moment.never
    var finishedAt = Moment.never
    var restarts: Int64 = 0
    /// Somebody stopped it: policies do not bring it back.
    var isStopped = false
    /// It is paused for a commit, and by no person.
    var isHeld = false
    /// Disconnected from the network that its mode names: no start attaches it there.
    var isOffFirst = false
    /// Something of its network is still there: DEL failed.
    var pendingDelete = ""
    /// A thread tries it again.
    var isRetrying = false
    /// There was no room to write it down; a thread tries it again.
    var isUnwritten = false
    var attached: [AttachedNetwork] = []
    var isGone = false
    /// Counts the starts: whoever waits for the next exit knows which it is.
    var ends = 0
    /// Nil without health checks.
    var health: Health?

    init(name: String) { self.name = name }

    var isAlive: Bool { status == .running || status == .paused }
    var isTerminal: Bool { config["Tty"]?.bool ?? false }

    var written: JSONObject {
        var written: JSONObject = [
            "status": .string(status.rawValue), "pid": .integer(pid), "exitCode": .integer(exitCode),
            "error": .string(error),
            "oom": .bool(isKilledByOOM), "startedAt": .string(startedAt), "finishedAt": .string(finishedAt),
            "restarts": .integer(restarts), "isStopped": .bool(isStopped), "pendingDelete": .string(pendingDelete),
            "attached": .array(attached.map { .object($0.json) }),
        ]
        if isHeld { written["isHeld"] = true }
        if isOffFirst { written["isOffFirst"] = true }
        if let health { written["health"] = .object(health.json) }
        return written
    }

    mutating func read(_ object: JSONObject) {
        status = object["status"]?.string.flatMap { Status(rawValue: $0) } ?? .created
        pid = object["pid"]?.integer ?? 0
        exitCode = object["exitCode"]?.integer ?? 0
        error = object["error"]?.string ?? ""
        isKilledByOOM = object["oom"]?.bool ?? false
        startedAt = object["startedAt"]?.string ?? Moment.never
        finishedAt = object["finishedAt"]?.string ?? Moment.never
        restarts = object["restarts"]?.integer ?? 0
        isStopped = object["isStopped"]?.bool ?? false
        isHeld = object["isHeld"]?.bool ?? false
        isOffFirst = object["isOffFirst"]?.bool ?? false
        pendingDelete = object["pendingDelete"]?.string ?? ""
        health = object["health"]?.object.flatMap { Health($0) }
        attached = (object["attached"]?.array ?? []).compactMap { element in
            do throws(NetworkError) {
                return try element.object.map { object throws(NetworkError) in try AttachedNetwork(object) }
            } catch { return nil }
        }
    }
}
