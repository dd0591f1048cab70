import CContainer
import Glibc
import JSON
import NetCore

/// The program berth-shim (docs/runtime/parts.md): one container's keeper.
public enum ShimCommand {
    /// Returns the exit code, in the process that was started or in the shim that has gone on from it.
    public static func run(arguments: [String]) -> Int32 {
        do throws(ShimError) {
            let options = try ShimOptions(parsing: arguments)
            if options.runtime == nil {
                // Its children enter the container, and must not show it a file of the host that it could write.
                try attempt { () throws(KernelError) in try OwnProgram.protect() }
                _ = berth_set_name("berth-shim")
            }
            let announcement = try attempt { () throws(KernelError) in try ShimDetachment.fork() }
            do throws(ShimError) {
                _ = try attempt { () throws(KernelError) in
                    try check("become the reaper of orphans") { berth_shim_become_subreaper() }
                }
                CgroupHierarchy.keep()
                let shim = try Shim(options, announcement)
                return shim.run()
            } catch {
                announcement.say(JSON.object(JSONLine(error).object).text, code: UInt8(clamping: error.code))
                return error.code
            }
        } catch {
            let line = JSONLine(error).bytes
            write(STDOUT_FILENO, line, line.count)
            return error.code
        }
    }
}

/// A kernel's word as the shim's.
func attempt<R>(_ body: () throws(KernelError) -> R) throws(ShimError) -> R {
    do throws(KernelError) { return try body() } catch { throw ShimError(error) }
}
