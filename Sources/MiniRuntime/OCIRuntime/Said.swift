import Glibc
import JSON
import NetCore

/// What the program says to people and to its caller's log.
enum Said {
    /// Where runc's --log goes, and how.
    struct Log {
        let path: String
        let isJSON: Bool
    }

    static func warn(_ message: String) { line("berth-oci: \(message)", to: STDERR_FILENO) }

    static func out(_ text: String) { line(text, to: STDOUT_FILENO) }

    private static func line(_ text: String, to descriptor: Int32) {
        let bytes = Array((text + "\n").utf8)
        do throws(KernelError) {
            try Files.write(bytes, to: descriptor, operation: "write")
        } catch {
            // Nobody reads: there is nobody to tell, either.
            return
        }
    }

    /// What a person reads, and a pipe that nobody reads yet takes: of a name of a hundred thousand letters the beginning and the end.
    private static func shortened(_ message: String) -> String {
        let bytes = Array(message.utf8)
        guard bytes.count > 4096 else { return message }
        return String(decoding: bytes.prefix(2048), as: UTF8.self) + " ... "
            + String(decoding: bytes.suffix(1024), as: UTF8.self)
    }

    static func fail(_ error: OCIError, _ log: Log?) {
        let message = shortened(error.message)
        if let log {
            let now = UniversalTime.text(time(nil))
            let object: JSONObject = ["level": "error", "msg": .string(message), "time": .string(now)]
            let text =
                log.isJSON
                ? JSON.object(object).text : "time=\"\(now)\" level=error msg=\(JSON.string(message).text)"
            do throws(KernelError) {
                let file = try OwnedDescriptor(open: log.path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
                try Files.write(Array((text + "\n").utf8), to: file.number, operation: "write \(log.path)")
            } catch {
                warn("--log: \(error)")
            }
        }
        warn(message)
    }
}

/// A container's own directory below the root.
enum StateFolder {
    static func remove(_ directory: String) {
        do throws(KernelError) {
            for name in try Files.names(in: directory) { unlink("\(directory)/\(name)") }
            try check("remove \(directory)") { rmdir(directory) }
        } catch  where error.errno == .noSuchFile {
            return
        } catch {
            Said.warn(error.description)
        }
    }
}
