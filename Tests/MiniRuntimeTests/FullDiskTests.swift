import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import MiniRuntime

@Suite("What a shim writes on a disk that is full")
struct FullDiskTests {
    private static let disk = "/run/scratch/disk"

    @Test("the exit record's room is reserved: it is written on a full disk, and without that nothing is left of it")
    func record() throws {
        try PrivateHost.run { host in
            try Files.makeDirectories(Self.disk)
            try host.must("mount -t tmpfs -o size=64k tmpfs \(Self.disk)")
            let path = "\(Self.disk)/exit.json"
            try ExitRecord.reserve(path)
            try host.fillDisk("\(Self.disk)/filler")
            let record = ExitRecord(exitCode: 7, error: String(repeating: "x", count: 3000))
            try record.write(path)
            host.expect(try ExitRecord(reading: path), is: record, "the record")
            host.expect(try Files.names(in: Self.disk).sorted(), is: ["exit.json", "filler"], "files")
            try Files.remove(path)
            try host.fillDisk("\(Self.disk)/filler")
            var refused: KernelError?
            do throws(KernelError) { try record.write(path) } catch { refused = error }
            host.expect(refused?.errno.isFull, is: true, "without room")
            do throws(KernelError) { try ExitRecord.reserve(path) } catch { refused = error }
            host.expect(refused?.description.contains("free some room") == true, "\(refused?.description ?? "")")
            host.expect(try Files.names(in: Self.disk), is: ["filler"], "files")
        }
    }

    @Test("a log that finds no room for another file keeps the ones that it has, under their names")
    func rotation() throws {
        try PrivateHost.run { host in
            try Files.makeDirectories(Self.disk)
            // The root, three files, the new one: not one for the second name that the newest gets.
            try host.must("mount -t tmpfs -o size=64k,nr_inodes=5 tmpfs \(Self.disk)")
            let path = "\(Self.disk)/log.json"
            for (name, text) in [("", "new"), (".1", "older"), (".2", "oldest")] {
                try Files.replace(path + name, with: Array(text.utf8))
            }
            var refused: KernelError?
            do throws(KernelError) { _ = try LogChain(path: path, limit: 5).rotate() } catch { refused = error }
            host.expect(refused?.errno.isFull, is: true, "rotate: \(refused?.description ?? "it worked")")
            host.expect(
                try Files.names(in: Self.disk).sorted(), is: ["log.json", "log.json.1", "log.json.2"], "files")
            host.expect(try Files.read("\(path).1"), is: Array("older".utf8), "the second")
        }
    }
}
