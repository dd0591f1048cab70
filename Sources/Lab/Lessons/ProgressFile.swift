import Glibc
import JSON
import NetCore

/// `$XDG_STATE_HOME/berth/lab.json`, else `~/.local/state/berth/lab.json`; where neither can be written, beside the world's
/// state, where it lasts until the next boot.
public struct ProgressFile: Hashable, Sendable {
    public let path: String
    /// What had to be said of the file when it was found or read.
    public private(set) var notes: [String] = []

    public init(_ path: String) { self.path = path }

    public static func standard() throws(LabError) -> ProgressFile {
        var wanted: [String] = []
        if let text = getenv("XDG_STATE_HOME"), text.pointee == UInt8(ascii: "/") {
            wanted.append("\(String(cString: text))/berth")
        } else if let text = getenv("HOME"), text.pointee == UInt8(ascii: "/") {
            wanted.append("\(String(cString: text))/.local/state/berth")
        }
        var refusal = "neither XDG_STATE_HOME nor HOME is set"
        for directory in wanted {
            do throws(KernelError) {
                try Files.makeDirectories(directory, mode: 0o700)
                if access(directory, W_OK) == 0 { return ProgressFile("\(directory)/lab.json") }
                refusal = "\(directory) cannot be written to"
            } catch { refusal = error.description }
        }
        let directory = LabDirectory.standard.path
        try during("make \(directory)") { () throws(KernelError) in
            try Files.makeDirectories(directory, mode: 0o700)
        }
        // What others could have put there is not believed.
        _ = try LabDirectory(directory).check()
        var file = ProgressFile("\(directory)/progress.json")
        file.notes.append("progress lasts until the next boot only, in \(file.path): \(refusal)")
        return file
    }

    /// What stands there; nothing when there is no file. One that cannot be read is moved aside, and that is noted.
    public mutating func read() throws(LabError) -> Progress {
        let path = path
        let bytes = try during("read your progress") { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Files.read(path, limit: 1 << 20) }
        }
        guard let bytes else { return Progress() }
        if let progress = (try? JSON(parsing: bytes)).flatMap({ Progress($0) }) { return progress }
        let aside = "\(path).unreadable-\(time(nil))-\(getpid())"
        try during("move \(path) aside") { () throws(KernelError) in
            _ = try check("rename \(path) to \(aside)") { rename(path, aside) }
        }
        notes.append("your progress could not be read; it begins anew, and the old file is \(aside)")
        return Progress()
    }

    /// The file holds the progress whole, or is as before.
    public func write(_ progress: Progress) throws(LabError) {
        let (path, bytes) = (path, Array(progress.json.prettyText.utf8) + [0x0a])
        try during("write your progress") { () throws(KernelError) in try Files.replace(path, with: bytes) }
    }
}
