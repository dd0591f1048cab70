import Glibc
import JSON
import NetCore

/// How a container ended, as its shim writes it down (`exit.json`).
public struct ExitRecord: Hashable, Sendable {
    /// The init's own, or 128 and the signal that ended it.
    public var exitCode: Int32
    public var signal: Int32?
    /// The kernel killed a process of the container for want of memory.
    public var oom: Bool
    /// RFC 3339, UTC; nil when the user's process never ran.
    public var startedAt: String?
    public var finishedAt: String
    /// Why it did not run, or how else its end is out of the ordinary.
    public var error: String?

    public init(
        exitCode: Int32, signal: Int32? = nil, oom: Bool = false, startedAt: String? = nil,
        finishedAt: String = ExitRecord.now, error: String? = nil
    ) {
        self.exitCode = exitCode
        self.signal = signal
        self.oom = oom
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.error = error
    }

    /// The record of a file. Throws ENOENT while there is none, EBADMSG for a text that is none.
    public init(reading path: String) throws(KernelError) {
        let bytes = try Files.read(path, limit: 1 << 20)
        let value: JSON
        do throws(JSONError) { value = try JSON(parsing: bytes) } catch {
            throw KernelError("read \(path)", .badMessage, "\(error)")
        }
        guard let record = value.object.flatMap({ ExitRecord($0) }) else {
            throw KernelError("read \(path)", .badMessage, "it has no exitCode")
        }
        self = record
    }

    /// Nil when the object has no exit code.
    public init?(_ object: JSONObject) {
        guard let code = object["exitCode"]?.integer else { return nil }
        self.init(
            exitCode: Int32(clamping: code), signal: object["signal"]?.integer.map { Int32(clamping: $0) },
            oom: object["oom"]?.bool ?? false, startedAt: object["startedAt"]?.string,
            finishedAt: object["finishedAt"]?.string ?? "", error: object["error"]?.string)
    }

    public var object: JSONObject {
        var object: JSONObject = ["exitCode": .integer(Int64(exitCode))]
        if let signal { object["signal"] = .integer(Int64(signal)) }
        object["oom"] = .bool(oom)
        if let startedAt { object["startedAt"] = .string(startedAt) }
        object["finishedAt"] = .string(finishedAt)
        if let error { object["error"] = .string(error) }
        return object
    }

    /// The file holds the record, or is as before. Where `reserve` was called for it, that needs no more room on the disk.
    public func write(_ path: String) throws(KernelError) {
        let bytes = JSON.object(object).bytes + [0x0a]
        guard bytes.count <= ExitRecord.room, try writeReserved(bytes, path) else {
            try Files.replace(path, with: bytes)
            return unlinkReserved(path)
        }
    }

    /// The disk has room for the record of that path from now on, until it is written: on a disk that is full by then, too.
    static func reserve(_ path: String) throws(KernelError) {
        let place = reserved(path)
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: place, O_WRONLY | O_CREAT, mode: 0o600)
            let code = posix_fallocate(file.number, 0, off_t(room))
            guard code == 0 else {
                throw KernelError(
                    "keep room for \(path)", Errno(code), Errno(code).isFull ? "free some room there" : nil)
            }
        } catch {
            unlink(place)
            throw error
        }
    }

    private static let room = 4096
    private static func reserved(_ path: String) -> String { "\(path).room" }
    private func unlinkReserved(_ path: String) { unlink(ExitRecord.reserved(path)) }

    /// False, and nothing has changed, where there is no room of that kind.
    private func writeReserved(_ bytes: [UInt8], _ path: String) throws(KernelError) -> Bool {
        let place = ExitRecord.reserved(path)
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: place, O_WRONLY)
            try Files.write(bytes, to: file.number, operation: "write \(place)")
            try check("shorten \(place)") { ftruncate(file.number, off_t(bytes.count)) }
            try check("rename \(place) to \(path)") { rename(place, path) }
            return true
        } catch {
            return false
        }
    }

    /// The present moment with nanoseconds, as log records have it.
    public static var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return LogTime.text(time)
    }
}
