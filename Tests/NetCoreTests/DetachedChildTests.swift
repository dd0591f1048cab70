import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

/// Each runs in a process of its own: forking is for processes of one thread.
@Suite("The child that finishes a removal")
struct DetachedChildTests {
    static func scratch() throws -> String {
        var template = Array("/tmp/berth-detached-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw KernelError("make a folder", .current) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Gone, or dead and not yet collected by the machine's first process.
    static func isGone(_ process: Int32) -> Bool {
        guard let bytes = try? Files.read("/proc/\(process)/stat") else { return true }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(separator: ")").last?.hasPrefix(" Z") == true
    }

    @Test("it runs its work, keeps only what it was given, and no process is left a second later")
    func work() async throws {
        let folder = try DetachedChildTests.scratch()
        defer {
            for name in (try? Files.names(in: folder)) ?? [] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        await #expect(processExitsWith: .success) { [folder = folder as String] in
            let stranger = try OwnedDescriptor(open: "/dev/zero", O_RDONLY)
            let inherited = try OwnedDescriptor(open: "/dev/full", O_WRONLY)
            try DetachedChild.run(inheriting: [inherited.number]) {
                do throws(KernelError) {
                    var lines = ["\(getpid()) \(getsid(0))"]
                    for name in try Files.names(in: "/proc/self/fd") {
                        var target = [CChar](repeating: 0, count: 200)
                        guard readlink("/proc/self/fd/\(name)", &target, 199) > 0 else { continue }
                        lines.append("\(name) \(target.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })")
                    }
                    try Files.replace("\(folder)/answer", with: Array(lines.joined(separator: "\n").utf8))
                } catch {
                    _exit(3)
                }
            }
            withExtendedLifetime(stranger.number) {}
            withExtendedLifetime(inherited.number) {}
        }
        var text = ""
        for _ in 0..<1000 where text.isEmpty {
            text = (try? Files.read("\(folder)/answer")).map { String(decoding: $0, as: UTF8.self) } ?? ""
            usleep(1000)
        }
        let lines = text.split(separator: "\n").map(String.init)
        let ids = (lines.first ?? "").split(separator: " ").compactMap { Int32($0) }
        #expect(ids.count == 2 && ids.first == ids.last, "a session of its own")
        let open = lines.dropFirst().filter { !$0.contains("/proc/") }
        #expect(open.filter { $0.hasSuffix(" /dev/null") }.map { $0.prefix(2) } == ["0 ", "1 ", "2 "])
        #expect(open.filter { $0.hasSuffix("/dev/full") }.count == 1)
        #expect(open.count == 4, "\(open)")
        var gone = false
        for _ in 0..<1000 where !gone {
            gone = DetachedChildTests.isGone(ids.first ?? 0)
            usleep(1000)
        }
        #expect(gone)
    }

    @Test("without anything that lingers, finishing forks nobody")
    func nothing() async {
        await #expect(processExitsWith: .success) {
            DetachedChild.finish()
            guard waitpid(-1, nil, WNOHANG) == -1, errno == ECHILD else { exit(1) }
        }
    }

    @Test("a kept socket is closed by the child, and the caller's copy at once")
    func kept() async {
        await #expect(processExitsWith: .success) {
            var ends: [Int32] = [-1, -1]
            guard berth_pipe_cloexec(&ends) == 0 else { exit(1) }
            DetachedChild.keep(ends[1])
            close(ends[1])
            DetachedChild.finish()
            // Nobody holds the writing end any more: the end of the file comes without a byte.
            var watch = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            guard poll(&watch, 1, 5000) == 1 else { exit(2) }
            var byte: UInt8 = 0
            guard read(ends[0], &byte, 1) == 0 else { exit(3) }
        }
    }
}
