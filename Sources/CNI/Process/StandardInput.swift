import Glibc
import NetCore

extension PluginProcess {
    /// How long the runtime may leave its end open without writing.
    private static let secondsToWait = 60

    /// Everything on standard input. Throws code 5 when it cannot be read, stays open without a word or exceeds 8 MiB
    /// (P-10, P-21). A descriptor that is closed counts as empty when the input is optional.
    static func readInput(_ descriptor: Int32, isOptional: Bool) throws(CNIError) -> [UInt8] {
        do throws(KernelError) {
            return try read(descriptor)
        } catch {
            if isOptional, error.errno == Errno(EBADF) { return [] }
            throw CNIError(error)
        }
    }

    private static func read(_ descriptor: Int32) throws(KernelError) -> [UInt8] {
        let operation = "read the network configuration from standard input"
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard try check(operation, { poll(&wait, 1, Int32(secondsToWait) * 1000) }) > 0 else {
                throw KernelError(
                    operation, .timedOut, "nothing came and it was not closed for \(secondsToWait) seconds")
            }
            let count = try check(operation) { Glibc.read(descriptor, &chunk, chunk.count) }
            if count == 0 { return bytes }
            guard bytes.count + count <= inputLimit else {
                throw KernelError(operation, .tooLarge, "more than \(inputLimit) bytes")
            }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
