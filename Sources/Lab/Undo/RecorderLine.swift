import CContainer
import CKernel
import Glibc
import NetCore

/// The way to a world's recorder: one question, one answer, or a long listening.
enum RecorderLine {
    /// Within the world; from outside below /proc/PID/root.
    static let socket = "/run/berth/record"
    /// Who writes to it has just done something: the shells' prompts do.
    static let typed = "/run/berth/typed"

    /// The answer to an `undo` that finds nothing.
    static let nothing = "nothing"
    /// Begins a line of the answer that tells what stays as it is.
    static let refusal = "not undone:"

    enum Question: String {
        /// A command has ended: what it changed is one change. Answered when it is noted.
        case typed
        /// A command has begun, which may listen on a port: nobody tells of that.
        case began
        /// What stands now is the beginning: nothing before it is undone.
        case begin
        case undo
        /// Everything since the task began is undone.
        case undoTask
        /// A task is done: the next one begins here.
        case task
        /// A byte for each change from now on (`Signal`).
        case watch
    }

    /// What a watcher is told.
    enum Signal: UInt8 {
        /// Something that a learner can make stands otherwise, or a command has ended.
        case changed = 0x63
        /// A new flow, a new neighbour: maybe of the watcher's own making.
        case traffic = 0x74
    }

    /// Nil when there is no recorder, or it says nothing within that time.
    static func ask(_ question: Question, at path: String, seconds: Int = 15) -> String? {
        guard let number = open(question, at: path) else { return nil }
        defer { close(number) }
        var polled = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        guard poll(&polled, 1, Int32(seconds * 1000)) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = recv(number, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// The question is asked; the connection is the caller's to close.
    static func open(_ question: Question, at path: String) -> Int32? {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        let words = Array(question.rawValue.utf8)
        guard address(path, { connect(number, $0, $1) }) == 0,
            send(number, words, words.count, Int32(MSG_NOSIGNAL)) == words.count
        else {
            close(number)
            return nil
        }
        return number
    }

    static func address(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < 108 else { return -1 }
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            for (place, byte) in path.utf8.enumerated() { room[place] = byte }
        }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}

extension World {
    /// Where its recorder listens, as seen from outside.
    var recorder: String { "/proc/\(state.root.pid)/root\(RecorderLine.socket)" }

    /// What was typed until now is one change, and noted as such.
    func noteChange() { _ = RecorderLine.ask(.typed, at: recorder, seconds: 2) }
}
