import Glibc
import NetCore
import TestSupport
import Testing

@Suite("Files that are written over")
struct OverwriteTests {
    @Test("on a full disk a file takes a shorter text in its own place; without the file there is none")
    func shorter() throws {
        try PrivateHost.run { host in
            let disk = "/run/scratch/disk"
            try Files.makeDirectories(disk)
            try host.must("mount -t tmpfs -o size=64k tmpfs \(disk)")
            let path = "\(disk)/file"
            try Files.replace(path, with: [UInt8](repeating: 0x61, count: 9000))
            try host.fillDisk("\(disk)/filler")
            let text = [UInt8](repeating: 0x62, count: 5000)
            var refused: KernelError?
            do throws(KernelError) { try Files.replace(path, with: text) } catch { refused = error }
            host.expect(refused?.description.contains("free some room there") == true, "\(refused?.description ?? "")")
            try Files.overwrite(path, with: text)
            host.expect(try Files.read(path), is: text, "the text")
            try Files.overwrite(path, with: [])
            host.expect(try Files.read(path), is: [], "no text")
            try Files.remove(path)
            do throws(KernelError) { try Files.overwrite(path, with: text) } catch { refused = error }
            host.expect(refused?.errno, is: .noSuchFile, "a file that is not there")
            host.expect(try Files.names(in: disk), is: ["filler"], "files")
        }
    }
}
