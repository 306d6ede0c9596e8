# ssGSEA as R's GSVA computes it. Debian 12: apt-get install r-bioc-gsva (1.46.0)
# Run: Rscript gsva.R COUNTS.tsv.gz SETS.gmt > ssgsea.csv
suppressMessages(library(GSVA))
arguments <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.delim(gzfile(arguments[1]), row.names = 1, check.names = FALSE))
log_cpm <- log2(t(t(counts) / colSums(counts)) * 1e6 + 1)
lines <- strsplit(readLines(arguments[2]), "\t")
sets <- setNames(lapply(lines, function(line) line[-(1:2)]), sapply(lines, `[`, 1))
# GSVA prints what it does to standard output.
invisible(capture.output(scores <- suppressWarnings(
  gsva(log_cpm, sets, method = "ssgsea", min.sz = 1, max.sz = Inf, ssgsea.norm = TRUE, verbose = FALSE))))
write.csv(signif(scores, 9), quote = FALSE)
cat("#", R.version.string, "GSVA", as.character(packageVersion("GSVA")), "\n", file = stderr())
