import CKernel

/// For a process that waits, for hours perhaps.
public enum IdleMemory {
    /// What it used and does not need while it waits is the kernel's again: free memory, and the mapped parts of its program, which the page
    /// cache holds anyway. What is needed next comes back at a fraction of a microsecond a page.
    public static func giveBack() { berth_give_back_memory() }
}
