import CContainer
import CKernel
import Glibc
import NetCore

/// The program that runs, held so that the world has it where the machine's own may be out of sight (below /run).
struct OwnProgram: ~Copyable {
    /// Of the file by its name among the world's mounts; -1 when the name does not lead to it any more.
    private let number: Int32

    /// Before anything is mounted over its place.
    init() throws(KernelError) {
        var text = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = text.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        guard count > 0 else { throw KernelError("read /proc/self/exe", .current) }
        let path = String(decoding: text[..<count], as: UTF8.self)
        let opened = berth_open_cloexec(path, berth_o_path(), 0)
        var (found, own) = (stat(), stat())
        let isSame =
            opened >= 0 && fstat(opened, &found) == 0 && stat("/proc/self/exe", &own) == 0 && found.st_ino == own.st_ino
            && found.st_dev == own.st_dev
        if opened >= 0, !isSame { close(opened) }
        number = isSame ? opened : -1
    }

    /// Its directory, links followed; "" when the kernel does not tell.
    static var folder: String {
        var text = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = text.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return count > 0 ? Files.directory(of: String(decoding: text[..<count], as: UTF8.self)) : ""
    }

    deinit { if number >= 0 { close(number) } }

    /// The program stands in the folder as `berth` and under another name. Bound there; copied where the kernel refuses that,
    /// as when the file has been replaced since.
    func place(in folder: String, alsoAs name: String) throws(KernelError) {
        try Files.makeDirectories(folder)
        let place = "\(folder)/berth"
        _ = try Files.create(place, with: [], mode: 0o755)
        if number < 0 || mount("/proc/self/fd/\(number)", place, nil, UInt(MS_BIND), nil) != 0 {
            let bytes = try Files.read("/proc/self/exe", limit: 1 << 30)
            let file = try OwnedDescriptor(open: place, O_WRONLY)
            try Files.write(bytes, to: file.number, operation: "write \(place)")
        }
        try check("link \(name)") { symlink("berth", "\(folder)/\(name)") }
    }
}
